"""CSV as programs export it: a sep= line, title lines above the header, blank rows below."""

from pathlib import Path

import pytest

from intake.errors import UnreadableUpload
from intake.readers.columns import ColumnRequest
from storage.records.feedback import Dataset
from tests.support.intake_files import stored_rejects, stored_rows, upload

DATA = "1;Great, really;5\n2;Too slow;2\n3;It crashes;1\n"
FEEDBACK = [("1", "Great, really"), ("2", "Too slow"), ("3", "It crashes")]


def texts(folder: Path, dataset: Dataset) -> list[tuple[object, object]]:
    return [(row["id"], row["text"]) for row in stored_rows(folder, dataset)]


@pytest.mark.parametrize(
    ("lines", "encoding"),
    [
        (f"sep=;\nNr;Kommentar;Punkte\n{DATA}", "utf-8"),
        (f"sep=;\r\nNr;Kommentar;Punkte\r\n{DATA}".replace("\n", "\r\n"), "utf-16"),
        (f"SEP=;\nNr;Kommentar;Punkte\n{DATA}", "utf-8-sig"),
        (f'"sep=;"\n\nNr;Kommentar;Punkte\n{DATA}', "utf-8"),
        (f"sep=^\nNr^Kommentar^Punkte\n{DATA.replace(';', '^')}", "utf-8"),
    ],
)
def test_a_sep_line_sets_the_delimiter_and_is_no_record(
    tmp_path: Path, lines: str, encoding: str
) -> None:
    dataset = upload(tmp_path, lines.replace("\r\r", "\r").encode(encoding))
    assert texts(tmp_path, dataset) == FEEDBACK
    assert (dataset.rows_in, dataset.columns) == (3, ("Punkte",))


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("Survey results 2024\n\n", 3),
        ("Survey results, 2024, all\n", 2),
        ("Survey results 2024;;\n;;\n", 3),
        ("Customer feedback\n\nExported by;Ann\n", 4),
        ('"Survey\n2024"\n\n', 4),
    ],
)
@pytest.mark.parametrize("sep", ["", "sep=;\n"])
def test_title_lines_above_the_header_are_skipped_with_a_notice(
    tmp_path: Path, above: str, line: int, sep: str
) -> None:
    notices: list[str] = []
    data = f"{sep}{above}Nr;Kommentar;Punkte\n{DATA}"
    dataset = upload(tmp_path, data.encode(), notify=notices.append)
    assert texts(tmp_path, dataset) == FEEDBACK
    assert [row["row"] for row in stored_rows(tmp_path, dataset)] == [1, 2, 3]
    assert notices[-1] == (
        f"in.csv: its columns are named in line {line + bool(sep)} ('Nr', 'Kommentar', 'Punkte'); "
        "the lines above are not read"
    )


def test_a_file_whose_header_is_unclear_is_refused_with_the_candidates(tmp_path: Path) -> None:
    data = b"Exported by,Ann\nKey,What did you like?,Name\nx,Cheap,Bo\n"
    with pytest.raises(UnreadableUpload) as caught:
        upload(tmp_path, data)
    assert str(caught.value) == (
        "Cannot read in.csv: its columns may be named in line 1 ('Exported by', 'Ann') or in "
        "line 2 ('Key', 'What did you like?', 'Name'). Name a column of the right line with "
        "--text COLUMN, or remove the lines above it."
    )
    dataset = upload(tmp_path, data, columns=ColumnRequest(texts=("what did you like?",)))
    assert texts(tmp_path, dataset) == [("1", "Cheap")]


@pytest.mark.parametrize(
    "data",
    [
        "text\nNice; really\nGood; but slow\n",
        "text\n\n\nNice; really\nGood; but slow\n",
        "comment\r\nNice; really\r\nGood; but slow\r\n",
    ],
)
def test_a_single_column_may_hold_any_delimiter(tmp_path: Path, data: str) -> None:
    dataset = upload(tmp_path, data.encode())
    assert texts(tmp_path, dataset) == [("1", "Nice; really"), ("2", "Good; but slow")]


def test_blank_rows_are_counted_and_the_other_rows_keep_their_numbers(tmp_path: Path) -> None:
    notices: list[str] = []
    data = "id,text,n\n1,one,\n,,\n,\n\n4,,\n5,five,\n , ,\u00a0\n" + ",,\n" * 40
    dataset = upload(tmp_path, data.encode(), notify=notices.append)
    assert [row["row"] for row in stored_rows(tmp_path, dataset)] == [1, 5]
    assert [(row, reason) for row, _, reason, *_ in stored_rejects(tmp_path, dataset)] == [
        (4, "no text")
    ]
    assert (dataset.rows_in, dataset.rows, dataset.rejected) == (3, 2, 1)
    assert dataset.blank_rows == 44
    assert notices == ["in.csv: rows left out because they are blank: 44"]
    upload(tmp_path, data.encode(), notify=notices.append)
    assert notices[1:] == notices[:1], "the same upload says the same"


def test_a_dataset_without_blank_rows_is_stored_as_before(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"id,text\n1,one\n")
    assert b"blank" not in dataset.encode()
    assert Dataset.decode(dataset.encode(), "dataset.json") == dataset


def test_commas_in_the_name_of_a_column_do_not_part_a_file_with_semicolons(tmp_path: Path) -> None:
    question = "Wie zufrieden sind Sie mit Preis, Lieferung, Qualität, Service und Auswahl?"
    rows = "".join(f"{row};{row % 5};Alles gut, danke {row}\n" for row in range(9))
    named = upload(tmp_path, f"id;{question};Kommentar\n{rows}".encode())
    assert (named.source.delimiter, named.source.text_column) == (";", "Kommentar")
    unusual = f"Nr;{question};Was noch?\n{rows}".encode()
    chosen = upload(tmp_path, unusual, columns=ColumnRequest(texts=("Was noch?",)))
    assert (chosen.source.delimiter, chosen.rows) == (";", 9)


def test_a_file_of_one_column_is_not_split_at_semicolons_of_its_texts(tmp_path: Path) -> None:
    data = "text\n" + "".join(f"good; but slow {row}\n" for row in range(9))
    assert upload(tmp_path, data.encode()).rows == 9


def test_the_three_lines_of_a_header_of_qualtrics_are_no_feedback(tmp_path: Path) -> None:
    data = (
        'ResponseId,Q2_TEXT\r\nResponse ID,"What did you like?\nBe frank, please"\r\n'
        '"{""ImportId"":""_recordId""}","{""ImportId"":""QID2_TEXT""}"\r\n'
        "R_1,Nice staff\r\nR_2,Slow service\r\n"
    )
    notices: list[str] = []
    dataset = upload(
        tmp_path, data.encode(), columns=ColumnRequest(texts=("Q2_TEXT",)), notify=notices.append
    )
    first = stored_rows(tmp_path, dataset)[0]
    assert (first["row"], first["id"], first["text"]) == (1, "R_1", "Nice staff")
    assert (dataset.rows, dataset.rejected) == (2, 0)
    assert any("two rows below the header" in notice for notice in notices)


def test_a_row_of_a_single_column_is_not_taken_for_the_header(tmp_path: Path) -> None:
    data = b"comment\nComment, nothing\nSlow, bad\nBad, rude\n"
    with pytest.raises(UnreadableUpload, match="'Comment', 'nothing'"):
        upload(tmp_path, data)
    chosen = upload(tmp_path, data, columns=ColumnRequest(texts=("comment",)))
    assert chosen.rows_in == 3


def test_a_file_in_utf_32_is_read_by_its_mark(tmp_path: Path) -> None:
    dataset = upload(tmp_path, "id,text\n1,schön\n".encode("utf-32"))
    assert [row["text"] for row in stored_rows(tmp_path, dataset)] == ["schön"]

"""A file of feedback becomes a stored dataset: its chunks and files, from every kind of path."""

import gzip
import io
import os
import threading
from pathlib import Path

import pytest

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.readers.columns import ColumnRequest
from storage.places.place import LocalPlace
from storage.records.feedback import CHUNK, REJECTS, Dataset, read_chunk, rejects_path
from storage.tables import decode_parquet
from tests.support.intake_files import files_below, stored_rows, upload

ROWS = [("7", "Great app"), ("8", "Too  slow\n(again)"), ("9", "na\u00efve \u2014 \U0001f600")]
CSV = 'id,text\n7,Great app\n8,"Too  slow\n(again)"\n9,na\u00efve \u2014 \U0001f600\n'


def texts(folder: Path, dataset: Dataset) -> list[tuple[object, object]]:
    return [(row["id"], row["text"]) for row in stored_rows(folder, dataset)]


def test_csv_becomes_chunks_with_the_texts_and_columns_as_given(tmp_path: Path) -> None:
    dataset = upload(
        tmp_path, b'id,when,text,channel\n7,May,"Too  slow\n(again)",web\n8,June,fine,\n'
    )
    assert stored_rows(tmp_path, dataset) == [
        {
            "row": 1,
            "id": "7",
            "text": "Too  slow\n(again)",
            "clean": "Too slow (again)",
            "extra": [("when", "May"), ("channel", "web")],
        },
        {
            "row": 2,
            "id": "8",
            "text": "fine",
            "clean": None,
            "extra": [("when", "June"), ("channel", "")],
        },
    ]
    assert (dataset.rows_in, dataset.rows, dataset.rejected, dataset.reasons) == (2, 2, 0, {})
    assert dataset.columns == ("when", "channel")
    assert (dataset.source.name, dataset.source.format, dataset.source.encoding) == (
        "in.csv",
        "csv",
        "utf-8",
    )
    assert (dataset.source.text_column, dataset.source.id_column) == ("text", "id")


def test_the_source_keeps_the_order_of_the_columns_and_the_delimiter(tmp_path: Path) -> None:
    semicolons = upload(tmp_path, b"when;text;;id\nMay;fine;x;7\n", "in.csv").source
    assert (semicolons.columns, semicolons.delimiter) == (("when", "text", "column_3", "id"), ";")
    lines = upload(tmp_path, b'{"when": 1, "text": "fine"}\n{"id": 8}\n', "in.jsonl").source
    assert (lines.columns, lines.delimiter) == (("when", "text", "id"), "")


def test_files_have_the_schemas_of_storage(tmp_path: Path) -> None:
    dataset = upload(tmp_path, CSV.encode())
    place = LocalPlace(tmp_path / "home")
    assert read_chunk(place, dataset, 0).schema.equals(CHUNK)
    assert decode_parquet(place.read(rejects_path("acme", dataset.id))).schema.equals(REJECTS)


def test_rows_without_an_id_column_get_their_number_as_id(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"text\none\n\n \ntwo\ntwo\n")
    assert dataset.source.id_column is None
    assert texts(tmp_path, dataset) == [("1", "one"), ("3", "two"), ("4", "two")]


def test_requested_columns_are_used(tmp_path: Path) -> None:
    dataset = upload(
        tmp_path, b"id,text,note,key\n1,x,real,k1\n", columns=ColumnRequest(("note",), "key")
    )
    assert stored_rows(tmp_path, dataset)[0]["extra"] == [("id", "1"), ("text", "x")]
    assert texts(tmp_path, dataset) == [("k1", "real")]


def test_repeated_and_empty_column_names_become_unique(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"text,,note,note\none,a,b,c\n")
    assert stored_rows(tmp_path, dataset)[0]["extra"] == [
        ("column_2", "a"),
        ("note", "b"),
        ("note_2", "c"),
    ]


def test_chunks_have_the_requested_rows_and_the_last_one_the_rest(tmp_path: Path) -> None:
    data = "id,text\n" + "".join(f"{number},text {number}\n" for number in range(10_001))
    dataset = upload(tmp_path, data.encode(), chunk_rows=1000)
    assert [chunk.rows for chunk in dataset.chunks] == [1000] * 10 + [1]
    assert [row["row"] for row in stored_rows(tmp_path, dataset)] == list(range(1, 10_002))


def test_equal_texts_give_equal_chunk_ids(tmp_path: Path) -> None:
    one = upload(tmp_path, b"id,text\n1,same  text\n2,other\n")
    two = upload(tmp_path, b"text,n\nsame text,5\nother,6\n")
    assert one.id != two.id
    assert one.chunks == two.chunks


def test_standard_input_is_stored_and_its_temporary_copy_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    stdin = io.BytesIO(gzip.compress(CSV.encode(), mtime=0))
    dataset = store_upload(LocalPlace(tmp_path / "home"), UploadOptions("-", "acme"), stdin, print)
    assert texts(tmp_path, dataset) == ROWS
    assert dataset.source.name == "standard input"
    assert list(spool.iterdir()) == []


def test_a_named_pipe_is_stored(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[CSV.encode()])
    writer.start()
    dataset = store_upload(
        LocalPlace(tmp_path / "home"), UploadOptions(str(pipe), "acme"), io.BytesIO(), print
    )
    writer.join()
    assert texts(tmp_path, dataset) == ROWS


def test_the_same_input_gives_the_same_bytes_in_every_file(tmp_path: Path) -> None:
    data = (
        b"id,text,n\n"
        + b"".join(b"%d,text  %d,x\n" % (i % 900, i) for i in range(1000))
        + b"1\n2,,3\n"
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        upload(tmp_path / name, data, chunk_rows=100)
    one, two = files_below(tmp_path / "one/home"), files_below(tmp_path / "two/home")
    assert one == two
    assert len(one) == 9 + 2 + 1, "chunks, rejects, dataset.json, and the sketch"


def test_the_same_upload_again_is_the_same_dataset_and_nothing_is_written(tmp_path: Path) -> None:
    first = upload(tmp_path, CSV.encode())
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "home").rglob("*")}
    again = upload(tmp_path, gzip.compress(CSV.encode(), mtime=0), "other.csv.gz")
    assert again == first
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "home").rglob("*")} == before


@pytest.mark.parametrize(
    "options",
    [
        {"chunk_rows": 7},
        {"max_chars": 7},
        {"columns": ColumnRequest(("text",))},
        {"columns": ColumnRequest(id="id")},
        {"encoding": "cp1252"},
    ],
)
def test_other_options_make_another_dataset(tmp_path: Path, options: dict[str, object]) -> None:
    assert upload(tmp_path, CSV.encode()).id != upload(tmp_path, CSV.encode(), **options).id


def test_files_of_a_killed_intake_are_used_or_replaced(tmp_path: Path) -> None:
    first = upload(tmp_path, CSV.encode())
    home = tmp_path / "home"
    whole = files_below(home)
    folder = next(home.rglob("dataset.json")).parent
    (folder / "dataset.json").unlink()
    (folder / "rejects.parquet").write_bytes(b"of another time")
    assert upload(tmp_path, CSV.encode()) == first
    assert files_below(home) == whole

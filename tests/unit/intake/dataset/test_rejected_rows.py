"""Every row ends as feedback or as a reject with its number and reason."""

from pathlib import Path

import pyarrow as pa
import pytest

from intake.detect.intake_limits import IntakeLimits
from storage.places.place import LocalPlace
from storage.records.feedback import Dataset, read_chunk
from tests.support.intake_files import parquet_bytes, stored_rejects, stored_rows, upload


def texts(folder: Path, dataset: Dataset) -> list[tuple[object, object]]:
    return [(row["row"], row["text"]) for row in stored_rows(folder, dataset)]


def test_every_kind_of_bad_row_is_a_reject_with_its_number_and_reason(tmp_path: Path) -> None:
    long_id = b"k" * 257
    data = (
        b"id,text,n\n1,one,x\n2,,x\n3, \xc2\xa0\xe2\x80\x8b ,x\n,four,x\n 1 ,again,x\n6,six\n"
        b"7,seven,x,y\n"
        b'8,bad \xff byte,x\n9,"caf\xc3\xa9 na\xc3\xafve",x\n'
        + long_id
        + b",ten,x\n1\x0b1,eleven,x\n12,"
        b"12345678901234567890x,x\n\n13,thirteen,x\n"
    )
    dataset = upload(tmp_path, data, max_chars=20)
    assert texts(tmp_path, dataset) == [(1, "one"), (9, "caf\u00e9 na\u00efve"), (13, "thirteen")]
    assert stored_rejects(tmp_path, dataset) == [
        (2, "2", "no text", "the text is empty", "2,,x"),
        (3, "3", "no text", "the text is empty", "3, \u00a0\u200b ,x"),
        (4, None, "bad id", "there is no id", ",four,x"),
        (5, "1", "duplicate id", "a row before it has this id", " 1 ,again,x"),
        (6, None, "wrong number of fields", "expected 3 fields, found 2", "6,six"),
        (7, None, "wrong number of fields", "expected 3 fields, found 4", "7,seven,x,y"),
        (
            8,
            None,
            "undecodable",
            "some of its bytes are no characters in the encoding of the file",
            "8,bad \ufffd byte,x",
        ),
        (
            10,
            None,
            "bad id",
            "the id has 257 characters; at most 256 are allowed",
            long_id.decode() + ",ten,x",
        ),
        (11, None, "bad id", "the id has control characters", "1\x0b1,eleven,x"),
        (
            12,
            "12",
            "text too long",
            "the text has 21 characters; at most 20 are read",
            "12,12345678901234567890x,x",
        ),
    ]
    assert dataset.rows_in == 13


def test_the_id_of_a_rejected_row_can_be_used_again(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"id,text\n1,\n1,real\n1,late\n")
    assert texts(tmp_path, dataset) == [(2, "real")]
    assert [(row[0], row[2]) for row in stored_rejects(tmp_path, dataset)] == [
        (1, "no text"),
        (3, "duplicate id"),
    ]


def test_repeated_ids_are_rejected_however_far_apart(tmp_path: Path) -> None:
    body = b"".join(b"%d,text\n" % number for number in [*range(50_000), 0, 49_999])
    dataset = upload(tmp_path, b"id,text\n" + body)
    assert [(row[0], row[1]) for row in stored_rejects(tmp_path, dataset)] == [
        (50_001, "0"),
        (50_002, "49999"),
    ]


def test_ids_may_be_numbers_in_one_row_and_words_in_the_next(tmp_path: Path) -> None:
    dataset = upload(
        tmp_path,
        b'{"id": 12, "text": "a"}\n{"id": "x", "text": "b"}\n{"id": "12", "text": "c"}\n',
        "in.jsonl",
    )
    assert texts(tmp_path, dataset) == [(1, "a"), (2, "b")]
    assert dataset.reasons == {"duplicate id": 1}


def test_every_kind_of_bad_json_line_is_a_reject(tmp_path: Path) -> None:
    bad = [
        ("[1]", "not a JSON object", "it is not one JSON object"),
        ('{"text": "a"', "not a JSON object", "it is not one JSON object"),
        ('{"id": 1, "text": "a"} {}', "not a JSON object", "it is not one JSON object"),
        ("[" * 100_000, "not a JSON object", "it is not one JSON object"),
        (
            '{"id": ' + "1" * 5000 + ', "text": "a"}',
            "not a JSON object",
            "it is not one JSON object",
        ),
        ('{"id": 1, "text": 5}', "no text", "the text is a number, not a text"),
        ('{"id": 1, "text": ["a"]}', "no text", "the text is a list, not a text"),
        ('{"id": true, "text": "a"}', "bad id", "the id is true or false, not a text or a number"),
        ('{"id": {}, "text": "a"}', "bad id", "the id is an object, not a text or a number"),
        ('{"id": null, "text": "a"}', "bad id", "there is no id"),
        ('{"text": "a"}', "bad id", "there is no id"),
        ('{"id": NaN, "text": "a"}', "bad id", "there is no id"),
        ('{"id": 1, "text": null}', "no text", "there is no text"),
        ('{"id": 1}', "no text", "there is no text"),
        ('{"id": 1, "text": "\\ud83d"}', "undecodable", "it has half of a surrogate pair"),
        ('{"id": 1, "text": "a", "\\udc00": 1}', "undecodable", "it has half of a surrogate pair"),
    ]
    lines_in = ['{"id": 0, "text": "good \u00e9"}', *(line for line, _, _ in bad)]
    dataset = upload(
        tmp_path,
        "\n".join(lines_in).encode() + b'\n{"id": 1, "text": "\xff"}\n',
        "in.jsonl",
        encoding="utf-8",
    )
    rejects = stored_rejects(tmp_path, dataset)
    assert dataset.rows == 1
    assert len(rejects) == len(bad) + 1
    assert [row[0] for row in rejects] == list(range(2, len(bad) + 3))
    for (_, _, reason, detail, raw), (line, expected_reason, expected_detail) in zip(
        rejects, bad, strict=False
    ):
        assert (reason, raw) == (expected_reason, line[: 64 * 1024])
        assert str(detail).startswith(expected_detail)
    assert rejects[-1][2:] == (
        "undecodable",
        "some of its bytes are no characters in the encoding of the file",
        '{"id": 1, "text": "\ufffd"}',
    )


def test_strings_in_parquet_that_are_not_utf8_are_rejects(tmp_path: Path) -> None:
    texts_in = pa.array([b"good", b"\xffbad", b"also good"], pa.binary())
    mislabelled = pa.StringArray.from_buffers(3, *texts_in.buffers()[1:])
    dataset = upload(
        tmp_path, parquet_bytes(pa.table({"text": mislabelled, "n": [1, 2, 3]})), "in.parquet"
    )
    assert texts(tmp_path, dataset) == [(1, "good"), (3, "also good")]
    assert stored_rejects(tmp_path, dataset) == [
        (2, None, "undecodable", "a string in it is not UTF-8", '{"text": null, "n": "2"}')
    ]


def test_a_text_of_two_megabytes_is_one_reject(tmp_path: Path) -> None:
    text = "many words " * 190_000
    dataset = upload(tmp_path, f'id,text\n1,"{text}\n{text}"\n2,{text}\n3,fine\n'.encode())
    assert texts(tmp_path, dataset) == [(3, "fine")]
    assert dataset.reasons == {"text too long": 2}
    assert [len(str(row[4])) for row in stored_rejects(tmp_path, dataset)] == [64 * 1024] * 2


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_an_endless_line_is_one_reject_and_costs_no_memory(tmp_path: Path, name: str) -> None:
    good = {
        "in.csv": ['1,"two\nlines"\n', "2,b\n"],
        "in.jsonl": ['{"id":1,"text":"a"}\n', '{"id":2,"text":"b"}\n'],
    }[name]
    head = "id,text\n" if name == "in.csv" else ""
    endless = "x" * 2_000_000
    dataset = upload(
        tmp_path,
        f"{head}{good[0]}{endless}\n{good[1]}{endless}".encode(),
        name,
        limits=IntakeLimits(line=300_000),
    )
    assert [row for row, _ in texts(tmp_path, dataset)] == [1, 3]
    assert [(row[0], row[2]) for row in stored_rejects(tmp_path, dataset)] == [
        (2, "text too long"),
        (4, "text too long"),
    ]


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    body = "".join(f"{number},text {number}\n" for number in range(3, 30_000))
    dataset = upload(tmp_path, f'id,text\n1,one\n2,"two\n{body}'.encode())
    assert dataset.rows_in == 29_999
    assert stored_rejects(tmp_path, dataset) == [
        (2, None, "wrong number of fields", "a quote is opened and never closed", '2,"two')
    ]


def test_a_few_nul_bytes_are_cleaned_for_the_models_and_kept_for_the_caller(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"id,text\n1,a\x00b\n")
    place = LocalPlace(tmp_path / "home")
    assert read_chunk(place, dataset, 0, ["text", "clean"]).to_pylist() == [
        {"text": "a\x00b", "clean": "ab"}
    ]


def test_a_file_with_nothing_but_rejects_is_still_a_dataset(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"id,text\n1,\n2,\n")
    assert (dataset.rows_in, dataset.rows, dataset.rejected, dataset.chunks) == (2, 0, 2, ())


def test_the_raw_record_of_a_reject_is_truncated(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"id,text\n1," + b"x" * 100_000 + b"\n")
    assert len(str(stored_rejects(tmp_path, dataset)[0][4])) == 64 * 1024

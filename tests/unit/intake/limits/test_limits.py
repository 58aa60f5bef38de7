"""Every limit on an uploaded file: what is beyond it is refused or rejected, by name."""

import gzip
import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.detect import intake_limits
from intake.detect.intake_limits import IntakeLimits, LimitExceeded
from storage.errors import BadRequest
from storage.places.place import LocalPlace
from tests.support.hostile.parquet_bombs import repeated
from tests.support.intake_files import files_below, parquet_bytes, stored_rejects, upload

CSV = b"id,text,n\n" + b"".join(b"%d,some words,x\n" % number for number in range(100))
DEEP = b"[" * 9 + b"]" * 9


@pytest.fixture(autouse=True)
def _small_files_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_limits, "RATIO_FLOOR", 1000)


def parquet(**columns: object) -> bytes:
    return parquet_bytes(pa.table({"text": ["a", "b", "c"], **columns}))


@pytest.mark.parametrize(
    ("limits", "name", "data", "seen"),
    [
        (IntakeLimits(file=999), "in.csv", CSV, "it has"),
        (IntakeLimits(unpacked=999), "in.csv.gz", gzip.compress(CSV), "unpack to"),
        (IntakeLimits(ratio=2), "in.csv.gz", gzip.compress(CSV), "at most 2 times as many"),
        (IntakeLimits(rows=99), "in.csv", CSV, "it has 100 rows"),
        (IntakeLimits(rows=2), "in.parquet", parquet(), "it has 3 rows"),
        (IntakeLimits(columns=2), "in.csv", CSV, "it has 3 columns"),
        (IntakeLimits(columns=1), "in.parquet", parquet(x=[1, 2, 3]), "it has 2 columns"),
        (IntakeLimits(columns=2), "in.jsonl", b'{"text":"a","x":1,"y":2}\n', "it has 3 keys"),
        (IntakeLimits(nesting=2), "in.parquet", parquet(x=[[[[1]]], None, None]),
         "it has 3 levels"),
        (IntakeLimits(dictionary=4999), "in.parquet",
         parquet_bytes(pa.table({"text": [f"text {n}" for n in range(5000)]})),
         "it has 5,000 different values"),
        (IntakeLimits(ratio=2), "in.parquet",
         parquet_bytes(pa.table({"text": repeated("some words", 9_000)})), "2 times as many"),
    ],
)  # fmt: skip
def test_a_file_beyond_a_limit_is_refused_with_what_is_allowed_and_the_setting(
    tmp_path: Path, limits: IntakeLimits, name: str, data: bytes, seen: str
) -> None:
    with pytest.raises(LimitExceeded, match=re.escape(seen)) as caught:
        upload(tmp_path, data, name, limits=limits)
    error = caught.value
    assert getattr(limits, error.limit) == error.allowed
    assert f"raise CHORUS_INTAKE_{error.limit.upper()}." in str(error)
    assert isinstance(error, BadRequest), "exit status 2"
    assert files_below(tmp_path / "home") == {}


def test_a_stream_is_copied_no_further_than_a_file_may_be_long(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match="CHORUS_INTAKE_FILE"):
        store_upload(
            LocalPlace(tmp_path / "home"),
            UploadOptions("-", "acme", limits=IntakeLimits(file=1000)),
            io.BytesIO(CSV),
            print,
        )


@pytest.mark.parametrize(
    ("limits", "name", "data", "detail"),
    [
        (IntakeLimits(line=400_000), "in.csv", b"text,n\na,b\n" + b"x" * 900_000 + b",\nc,d\n",
         "the line has more than 400000 characters"),
        (IntakeLimits(field=9), "in.csv", b"text,n\na,b\nb,0123456789\nc,d\n",
         "a field has 10 characters; at most 9 are allowed"),
        (IntakeLimits(field=9), "in.jsonl",
         b'{"text":"a"}\n{"text":"b","n":"0123456789"}\n{"text":"c"}\n',
         "a field has 10 characters; at most 9 are allowed"),
        (IntakeLimits(field=9), "in.parquet", parquet(n=["", "0123456789", None]),
         "a field has 10 characters; at most 9 are allowed"),
        (IntakeLimits(nesting=8), "in.jsonl",
         b'{"text":"a"}\n{"text":"b","n":' + DEEP + b'}\n{"text":"c"}\n',
         "its values are nested in more than 8 levels"),
    ],
)  # fmt: skip
def test_a_row_beyond_a_limit_is_rejected_and_the_others_are_stored(
    tmp_path: Path, limits: IntakeLimits, name: str, data: bytes, detail: str
) -> None:
    dataset = upload(tmp_path, data, name, limits=limits)
    assert dataset.rows == 2
    assert [row[3] for row in stored_rejects(tmp_path, dataset)] == [detail]


def test_nesting_within_the_limit_is_kept(tmp_path: Path) -> None:
    data = b'{"text":"a","n":' + DEEP + b',"m":"[[[[[[[[[[[[["}\n'
    assert upload(tmp_path, data, "in.jsonl", limits=IntakeLimits(nesting=10)).rows == 1


def test_a_row_group_with_other_columns_than_the_schema_is_damage(tmp_path: Path) -> None:
    """Found by a fuzzer: pyarrow raised IndexError, or ended the process."""
    file = Path(__file__).parents[3] / "fixtures/damaged/row-group-with-other-columns.parquet"
    with pytest.raises(BadRequest, match="a row group has other columns than the schema"):
        upload(tmp_path, file.read_bytes(), "in.parquet")


def test_a_file_of_many_row_groups_is_opened_twice_and_not_once_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    class CountedFile(pq.ParquetFile):
        def __init__(self, *arguments: object, **options: object) -> None:
            opened.append(arguments)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(pq, "ParquetFile", CountedFile)
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"] * 50}), sink, row_group_size=1)
    assert upload(tmp_path, sink.getvalue(), "in.parquet").rows == 100
    assert len(opened) == 2

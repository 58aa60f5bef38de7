"""An upload that cannot be read or stored is a clear error, and nothing of it stays."""

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.detect.source import UploadFile
from intake.readers.columns import ColumnRequest
from storage.errors import BadRequest
from storage.names import BadName
from storage.places.place import CannotWrite, LocalPlace
from tests.support.intake_files import files_below, parquet_bytes, upload

CSV = b"id,text,n\n1,one,x\n2,two,y\n3,three,z\n"


def nothing_is_stored(folder: Path) -> bool:
    return files_below(folder / "home") == {}


def workbook() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return sink.getvalue()


NOISE = random.Random(1).randbytes(5000)  # noqa: S311 - no secret


@pytest.mark.parametrize(
    ("data", "name", "options", "message"),
    [
        (b"", "in.csv", {}, "it is empty"),
        (gzip.compress(b"", mtime=0), "in.csv.gz", {}, "it is empty"),
        (b"\n\r\n \n", "in.csv", {"columns": ColumnRequest(("text",))}, "has no column 'text'"),
        (b"\n\n", "in.csv", {}, "no header"),
        (b"id,text\n", "in.csv", {}, "a header and no rows"),
        (b"id,text\n\n\n", "in.csv", {}, "a header and no rows"),
        (b'id,"text\n1,one\n', "in.csv", {}, "not a header"),
        (b"a,b\n1,2\n", "in.csv", {},
         r"its columns are 'a' \(such as '1'\), 'b' \(such as '2'\).*--text"),
        (b"comment,review\n1,2\n", "in.csv", {},
         r"'comment' \(such as '1'\), 'review' \(such as '2'\) could each be the text.*--text"),
        (CSV, "in.csv", {"columns": ColumnRequest(("nope",))},
         r"no column 'nope'; its columns are 'id' \(such as '1'\), 'text' .*--text"),
        (CSV, "in.csv", {"columns": ColumnRequest(id="nope")}, "no column 'nope'.*--id"),
        (CSV, "in.csv", {"format": "xml"}, "no format 'xml'.*csv, tsv, jsonl, parquet"),
        (CSV, "in.csv", {"format": "parquet"}, "no Parquet file"),
        (CSV, "in.csv", {"encoding": "klingon"}, "no text encoding 'klingon'"),
        (CSV, "in.csv", {"chunk_rows": 0}, "at least one row"),
        (CSV, "in.parquet", {}, "no Parquet file"),
        (CSV.decode().encode("utf-16-le"), "in.csv", {}, "--encoding utf-16-le"),
        (gzip.compress(CSV * 100, mtime=0)[:-9], "in.csv.gz", {}, "damaged or cut short"),
        (gzip.compress(CSV * 100, mtime=0)[:20] + b"????", "in.csv.gz", {}, "damaged or cut short"),
        (gzip.compress(gzip.compress(CSV, mtime=0), mtime=0), "in.csv.gz", {}, "gzip inside gzip"),
        (workbook(), "in.csv", {}, "workbook that cannot be read"),
        (b"%PDF-1.7 ...", "in.csv", {}, "PDF"),
        (b"\x89PNG\r\n\x1a\n...", "in.csv", {}, "PNG"),
        (b"\xff\xd8\xff\xe0...", "in.csv", {}, "JPEG"),
        (b"SQLite format 3\x00...", "in.csv", {}, "SQLite"),
        (NOISE, "in.csv", {}, "binary data"),
        (b'[{"text": "a"}]', "in.json", {}, "one JSON array.*jq"),
        (b"1\n2\n", "in.jsonl", {}, "none of its first lines holds a JSON object"),
        (b'{"a": 1}\n', "in.jsonl", {}, "its columns are 'a'"),
        (b"PAR1 and no more", "in.parquet", {}, "damaged Parquet file"),
        (parquet_bytes(pa.table({"text": ["a"] * 999}))[:-30], "in.parquet", {},
         "damaged Parquet file"),
        (parquet_bytes(pa.table({"text": ["a"]})), "in.csv", {"format": "csv"}, "it is Parquet"),
        (parquet_bytes(pa.table({"text": [1, 2]})), "in.parquet", {}, "holds int64, not texts"),
        (parquet_bytes(pa.table({"text": ["a"], "id": [[1]]})), "in.parquet", {},
         "cannot be an id"),
        (parquet_bytes(pa.table({"text": pa.array([], pa.string())})), "in.parquet", {}, "no rows"),
    ],
)  # fmt: skip
def test_an_upload_that_cannot_be_read_stores_nothing(
    tmp_path: Path, data: bytes, name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        upload(tmp_path, data, name, **options)
    assert nothing_is_stored(tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere.csv", "no such file"), (".", "a folder"), ("a\x00b", "the system says")],
)
def test_a_path_that_leads_to_no_file_is_an_error(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        store_upload(
            LocalPlace(tmp_path / "home"),
            UploadOptions(str(tmp_path / path), "acme"),
            io.BytesIO(),
            print,
        )


def test_a_file_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "in.csv").write_bytes(CSV)
    # root may read every file, whatever its mode
    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(BadRequest, match="permissions"):
        store_upload(
            LocalPlace(tmp_path / "home"),
            UploadOptions(str(tmp_path / "in.csv"), "acme"),
            io.BytesIO(),
            print,
        )


def test_a_customer_name_that_is_a_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(CSV)
    with pytest.raises(BadName):
        store_upload(
            LocalPlace(tmp_path / "home"),
            UploadOptions(str(tmp_path / "in.csv"), "../x"),
            io.BytesIO(),
            print,
        )
    assert nothing_is_stored(tmp_path)


class FullPlace(LocalPlace):
    """A place that stores so many files and no more."""

    def __init__(self, root: Path, files: int) -> None:
        super().__init__(root)
        self.remaining = files

    def create(self, path: str, data: bytes, *, durable: bool = False) -> bool:
        self.remaining -= 1
        if self.remaining < 0:
            raise CannotWrite(self.url_of(path), "No space left on device")
        return super().create(path, data, durable=durable)


@pytest.mark.parametrize("room", [0, 3, 10, 11])
def test_nothing_stays_when_the_place_is_full(tmp_path: Path, room: int) -> None:
    (tmp_path / "in.csv").write_bytes(b"text\n" + b"words\n" * 100)
    with pytest.raises(CannotWrite, match="No space left"):
        store_upload(
            FullPlace(tmp_path / "home", room),
            UploadOptions(str(tmp_path / "in.csv"), "a", chunk_rows=10),
            io.BytesIO(),
            print,
        )
    assert nothing_is_stored(tmp_path)


def test_nothing_stays_when_the_upload_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "in.csv"
    check: Callable[[UploadFile], None] = UploadFile.check_unchanged

    def check_after_change(source: UploadFile) -> None:
        file.write_bytes(CSV * 2)
        check(source)

    monkeypatch.setattr(UploadFile, "check_unchanged", check_after_change)
    with pytest.raises(BadRequest, match="changed while it was read"):
        upload(tmp_path, CSV, chunk_rows=1)
    assert nothing_is_stored(tmp_path)


def test_json_keys_that_are_data_are_refused_before_they_fill_memory(tmp_path: Path) -> None:
    data = b"".join(b'{"text": "a", "key%d": 1}\n' % number for number in range(10_100))
    with pytest.raises(
        BadRequest, match=r"columns or keys; at most 10,000 are allowed.*CHORUS_INTAKE_COLUMNS"
    ):
        upload(tmp_path, data, "in.jsonl", chunk_rows=100)
    assert nothing_is_stored(tmp_path)


def test_no_room_for_temporary_files_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(CannotWrite, match=r"temporary files in .*gone"):
        store_upload(
            LocalPlace(tmp_path / "home"), UploadOptions("-", "acme"), io.BytesIO(CSV), print
        )
    assert nothing_is_stored(tmp_path)


def test_an_intake_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: UploadFile) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(UploadFile, "check_unchanged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        upload(tmp_path, CSV, chunk_rows=1)
    assert nothing_is_stored(tmp_path)

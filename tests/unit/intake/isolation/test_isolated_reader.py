"""Reading in a process of its own: as in this one, and whatever happens there costs one upload."""

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.detect.intake_limits import IntakeLimits, LimitExceeded
from intake.errors import UnreadableUpload
from intake.isolation.isolated_reader import IsolatedReader
from intake.isolation.reading_progress import ReadingProgress
from storage.errors import BadRequest
from storage.places.place import LocalPlace
from storage.records.feedback import Dataset
from tests.support.hostile.parquet_bombs import repeated
from tests.support.intake_files import files_below, parquet_bytes, upload

CSV = b'\n\nid;text;n\n1;caf\xe9;x\n2;"open\n3;three;\n;;\n4;' + b"long " * 9000 + b";z\n5;five;z\n"


def upload_isolated(
    folder: Path, data: bytes, name: str, meanwhile: Callable[[int], None] | None = None, **options
) -> Dataset:
    """Store an upload that another process reads; `meanwhile` gets the id of that process."""
    file = folder / name
    file.write_bytes(data)
    with IsolatedReader() as reader:
        if meanwhile is not None:
            meanwhile(reader.pid)
        return store_upload(
            LocalPlace(folder / "home"),
            UploadOptions(str(file), "acme", **options),
            io.BytesIO(),
            lambda _: None,
            read=reader.read,
        )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("in.csv", CSV),
        ("in.jsonl", b'{"id":1,"text":"a","x":[1]}\n[]\n{"text":"\\ud800"}\n{"id":2,"text":"b"}\n'),
        ("in.parquet", parquet_bytes(pa.table({"text": ["a", "b", ""], "n": [[1], None, []]}))),
    ],
)
def test_another_process_reads_as_this_one_does(tmp_path: Path, name: str, data: bytes) -> None:
    options = {"encoding": "cp1252"} if name == "in.csv" else {}
    here = upload(tmp_path, data, name, **options)
    (tmp_path / "other").mkdir()
    there = upload_isolated(tmp_path / "other", data, name, **options)
    assert there.model_copy(update={"taken_in": here.taken_in}) == here
    mine, theirs = files_below(tmp_path / "home"), files_below(tmp_path / "other/home")
    chunks = [path for path in mine if path.endswith(".parquet")]
    assert len(chunks) == 2
    assert all(mine[path] == theirs[path] for path in chunks)


def test_a_large_block_comes_in_parts_and_in_order(tmp_path: Path) -> None:
    texts = [f"{number} " + "y" * 9_000 for number in range(3_000)]
    table = pa.table({"text": texts, "note": ["z" * 900] * 3_000})
    dataset = upload_isolated(tmp_path, parquet_bytes(table), "in.parquet")
    assert dataset.rows == 3_000
    assert dataset.chunks == upload(tmp_path, parquet_bytes(table), "in.parquet").chunks


def test_an_error_of_the_reader_keeps_its_parts(tmp_path: Path) -> None:
    with pytest.raises(UnreadableUpload) as caught:
        upload_isolated(tmp_path, b"a,b\n1,2\n", "in.csv")
    assert caught.value.name == "in.csv"
    assert "'a'" in caught.value.problem
    assert "--text" in caught.value.advice


def test_more_memory_than_allowed_refuses_the_upload_and_names_the_setting(tmp_path: Path) -> None:
    data = parquet_bytes(pa.table({"text": repeated("x" * (80 << 20), 2)}))
    with pytest.raises(UnreadableUpload, match=r"at most 60 MB are allowed.*CHORUS_INTAKE_MEMORY"):
        upload_isolated(tmp_path, data, "in.parquet", limits=IntakeLimits(memory=60 * 10**6))
    assert files_below(tmp_path / "home") == {}


def test_a_part_that_takes_too_long_refuses_the_upload_and_names_the_setting(
    tmp_path: Path,
) -> None:
    marks = "\u0301\u0323".encode() * 200_000  # their normal order takes quadratic time
    with pytest.raises(LimitExceeded, match="CHORUS_INTAKE_SECONDS"):
        upload_isolated(tmp_path, b"text\na" + marks, "in.csv", limits=IntakeLimits(seconds=1))
    assert files_below(tmp_path / "home") == {}


def test_a_reader_that_dies_refuses_the_upload(tmp_path: Path) -> None:
    def kill(process: int) -> None:
        os.kill(process, signal.SIGKILL)

    with pytest.raises(BadRequest, match="its reader ended by signal SIGKILL"):
        upload_isolated(tmp_path, b"text\na\n", "in.csv", kill)
    assert files_below(tmp_path / "home") == {}


def test_the_process_ends_with_its_context_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    with IsolatedReader() as reader:
        process = reader.pid
        assert process is not None
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert list(spool.iterdir()) == []


def test_progress_says_how_much_of_the_file_was_read(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"text\n" + b"some words of feedback\n" * 500_000)
    seen: list[ReadingProgress] = []
    with IsolatedReader(show=seen.append) as reader:
        store_upload(
            LocalPlace(tmp_path / "home"),
            UploadOptions(str(file), "acme"),
            io.BytesIO(),
            lambda _: None,
            read=reader.read,
        )
    assert (seen[-1].name, seen[-1].rows, seen[-1].size) == ("in.csv", 500_000, 11_500_005)
    assert all(0 <= progress.bytes_read <= progress.size for progress in seen)


@pytest.mark.parametrize(
    "message", [b"no JSON", b"[]", b'{"kind": "facts"}', b'{"kind": "facts", "layout": 1}']
)
def test_a_malformed_message_of_the_reader_refuses_the_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    monkeypatch.setattr("processes.piped_process.PipedProcess.receive_bytes", lambda *_: message)
    with pytest.raises(UnreadableUpload, match="its reader failed"):
        upload_isolated(tmp_path, b"text\na\n", "in.csv")

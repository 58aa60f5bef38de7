"""The work of the reading process: read one file, and send its blocks."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic

import pyarrow as pa

from intake.dataset.reading import ValidatedBlock, read_in_process
from intake.dataset.upload_options import UploadOptions
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload
from intake.isolation import wire
from processes.resource_limits import (
    forbid_core_dumps,
    lift_memory_limit,
    limit_memory,
    limit_processor_time,
)
from storage.errors import ChorusError, one_line_reason

_BLOCK_BYTES = 8 << 20  # of feedback that is sent at once
_PROGRESS_SECONDS = 0.25


@dataclass(frozen=True)
class ReadRequest:
    """The file to read; `temporary`: the folder for temporary files, which the parent removes."""

    name: str
    file: str
    options: UploadOptions
    temporary: str


def serve(pipe: Connection) -> None:
    """Read the file that the parent names, under the limits that it names."""
    pa.set_memory_pool(pa.system_memory_pool())  # mimalloc takes more than it needs
    request: ReadRequest = pipe.recv()
    tempfile.tempdir = request.temporary
    forbid_core_dumps()
    _silence_native_code()
    limit_memory(request.options.limits.memory)
    try:
        _read(pipe, request)
    except (BrokenPipeError, ConnectionResetError, EOFError):
        raise  # the parent is gone
    except Exception as error:  # also an unexpected one of a reader
        lift_memory_limit()
        wire.send_header(pipe.send_bytes, _report(error))


def _silence_native_code() -> None:
    """Drop what is written to standard error: native code that crashes prints its stack there."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)


def _report(error: Exception) -> wire.Header:
    """Return the message about an error that ended the reading."""
    if isinstance(error, UnreadableUpload):
        return {
            "kind": "unreadable",
            "name": error.name,
            "problem": error.problem,
            "advice": error.advice,
        }
    # RuntimeError: a thread that the system has no memory for
    kinds = {ChorusError: "refused", MemoryError: "memory", RuntimeError: "memory", OSError: "disk"}
    kind = next((name for cause, name in kinds.items() if isinstance(error, cause)), "failed")
    reason = str(error) if kind in ("refused", "disk") else one_line_reason(error)
    return {"kind": kind, "reason": reason}


def _read(pipe: Connection, request: ReadRequest) -> None:
    options = request.options
    progress = _Progress(pipe, options.limits.seconds)
    source = UploadFile(request.name, Path(request.file), options.limits, progress.on_bytes)
    with read_in_process(source, options) as reading:
        wire.send_facts(pipe.send_bytes, reading.facts)
        pipe.recv()  # until the parent wants the records
        with reading.records() as upload:
            wire.send_upload(pipe.send_bytes, upload)
            for block in upload.blocks:
                progress.on_rows(block.feedback.num_rows + len(block.rejects))
                for part in _parts(block):
                    wire.send_block(pipe.send_bytes, part)
        progress.send()
        wire.send_end(pipe.send_bytes)


class _Progress:
    """Tells the parent how much was read, now and then, and allows time for the next part."""

    def __init__(self, pipe: Connection, seconds: int) -> None:
        self._pipe, self._seconds = pipe, seconds
        self._rows = self._bytes = 0
        self._sent_at = monotonic()
        limit_processor_time(seconds)

    def on_bytes(self, bytes_read: int) -> None:
        self._bytes = bytes_read
        self._advance()

    def on_rows(self, rows: int) -> None:
        self._rows += rows
        self._advance()

    def _advance(self) -> None:
        limit_processor_time(self._seconds)
        now = monotonic()
        if now - self._sent_at >= _PROGRESS_SECONDS:
            self._sent_at = now
            self.send()

    def send(self) -> None:
        wire.send_progress(self._pipe.send_bytes, self._rows, self._bytes)


def _parts(block: ValidatedBlock) -> Iterator[ValidatedBlock]:
    """Yield the block in parts of bounded size."""
    rows, size = block.feedback.num_rows, block.feedback.nbytes
    step = max(1, rows * _BLOCK_BYTES // size) if size > _BLOCK_BYTES else max(1, rows)
    yield replace(block, feedback=block.feedback.slice(0, step))
    for start in range(step, rows, step):
        yield replace(block, feedback=block.feedback.slice(start, step), rejects=[], blank_rows=0)

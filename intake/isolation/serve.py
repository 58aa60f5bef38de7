"""The work of the reading process: read one file, and send its blocks."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

import pyarrow as pa

from intake.dataset.reading import UploadReading, ValidatedBlock, read_in_process
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
from storage.errors import ChorusError

_BLOCK_BYTES = 8 << 20  # of feedback that is sent at once


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
    limit_memory(request.options.limits.memory)
    try:
        _read(pipe, request)
    except (MemoryError, RuntimeError) as error:
        # A thread of native code that finds no memory ends in a RuntimeError as well.
        lift_memory_limit()
        kind = "memory" if isinstance(error, MemoryError) else "failed"
        wire.send_error(pipe.send_bytes, kind, reason=_one_line(error))
    except UnreadableUpload as error:
        lift_memory_limit()
        wire.send_error(
            pipe.send_bytes,
            "unreadable",
            name=error.name,
            problem=error.problem,
            advice=error.advice,
        )
    except ChorusError as error:
        wire.send_error(pipe.send_bytes, "refused", reason=str(error))
    except (BrokenPipeError, ConnectionResetError, EOFError):
        raise
    except OSError as error:  # of temporary files: reading has its own errors
        wire.send_error(pipe.send_bytes, "no room", reason=str(error))
    except Exception as error:  # a fault of a reader: the parent has the words for it
        lift_memory_limit()
        wire.send_error(pipe.send_bytes, "failed", reason=_one_line(error))


def _read(pipe: Connection, request: ReadRequest) -> None:
    source = UploadFile(request.name, request.file, request.options.limits)
    limit_processor_time(request.options.limits.seconds)
    with read_in_process(source, request.options) as reading:
        wire.send_facts(pipe.send_bytes, reading.facts)
        pipe.recv()  # the parent wants the records
        _send_records(pipe, reading, request.options.limits.seconds)


def _send_records(pipe: Connection, reading: UploadReading, seconds: int) -> None:
    with reading.records() as upload:
        wire.send_columns(pipe.send_bytes, upload.text_column, upload.id_column)
        for block in upload.blocks:
            for part in _parts(block):
                wire.send_block(pipe.send_bytes, part)
            limit_processor_time(seconds)
    wire.send_end(pipe.send_bytes)


def _parts(block: ValidatedBlock) -> Iterator[ValidatedBlock]:
    """Yield the block in parts of bounded size."""
    rows = block.feedback.num_rows
    size = block.feedback.get_total_buffer_size()
    if size <= _BLOCK_BYTES or rows <= 1:
        yield block
        return
    step = max(1, rows * _BLOCK_BYTES // size)
    for start in range(0, rows, step):
        part = replace(block, feedback=block.feedback.slice(start, step))
        yield part if start == 0 else replace(part, rejects=[])


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]

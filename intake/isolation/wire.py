"""Messages of the reading process: a JSON header each; that of a block is followed by Arrow IPC.

Nothing is unpickled: bytes of a reader that a hostile file has taken over must not run as code. A
malformed message raises ValueError, KeyError, TypeError or pa.ArrowException.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa

from intake.dataset.reading import UploadFacts, ValidatedBlock, ValidatedUpload
from intake.detect.file_layout import FileLayout
from intake.readers.block import Reject, RejectReason
from storage.records.feedback import CHUNK, RAW_CHARS

Header = Mapping[str, Any]
SendBytes = Callable[[bytes], None]
_LAYOUT_FIELDS = [field.name for field in fields(FileLayout)]
_UPLOAD_FIELDS = [field.name for field in fields(ValidatedUpload) if field.name != "blocks"]


def send_facts(send: SendBytes, facts: UploadFacts) -> None:
    """Send the facts of the upload."""
    send_header(send, {"kind": "facts", "sha256": facts.sha256, "layout": asdict(facts.layout)})


def send_upload(send: SendBytes, upload: ValidatedUpload) -> None:
    """Send all that is known of an opened upload, without its blocks."""
    known = {name: getattr(upload, name) for name in _UPLOAD_FIELDS}
    send_header(send, {"kind": "upload", **known})


def send_block(send: SendBytes, block: ValidatedBlock) -> None:
    """Send a block; the record of each reject is cut to what is stored of it."""
    rejects = [
        (reject.row, reject.id, reject.reason.value, reject.detail, reject.raw[:RAW_CHARS])
        for reject in block.rejects
    ]
    known = {"columns": block.columns, "blank_rows": block.blank_rows}
    send_header(send, {"kind": "block", "rejects": rejects, **known})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, CHUNK) as writer:
        writer.write_table(block.feedback)
    send(memoryview(sink.getvalue()))  # type: ignore[arg-type]  # a Connection takes any buffer


def send_progress(send: SendBytes, rows: int, bytes_read: int) -> None:
    """Send how much of the file has been read."""
    send_header(send, {"kind": "progress", "rows": rows, "bytes": bytes_read})


def send_end(send: SendBytes) -> None:
    """Send that all blocks were sent and the file has not changed."""
    send_header(send, {"kind": "end"})


def parse_header(message: bytes) -> Header:
    """Return the header."""
    header = json.loads(message)
    if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
        raise ValueError("no header")  # noqa: TRY004 - one error for all that is malformed
    return header


def parse_facts(header: Header) -> UploadFacts:
    """Return the facts."""
    layout = FileLayout(**_read_fields(header["layout"], _LAYOUT_FIELDS))
    return UploadFacts(header["sha256"], layout)


def parse_upload(header: Header, blocks: Iterator[ValidatedBlock]) -> ValidatedUpload:
    """Return the opened upload, with these blocks."""
    return ValidatedUpload(**_read_fields(header, _UPLOAD_FIELDS), blocks=blocks)


def parse_block(header: Header, data: bytes) -> ValidatedBlock:
    """Return the block of a header and the bytes after it."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        feedback = reader.read_all()
    if feedback.schema != CHUNK:
        raise pa.ArrowInvalid("a block with another schema")
    feedback.validate()
    rejects = [
        Reject(row, id_, RejectReason(reason), detail, raw)
        for row, id_, reason, detail, raw in header["rejects"]
    ]
    return ValidatedBlock(feedback, rejects, tuple(header["columns"]), header["blank_rows"])


def _read_fields(header: Header, names: Sequence[str]) -> dict[str, Any]:
    """Return the fields by name; JSON has made lists of their tuples."""
    values = {name: header[name] for name in names}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def send_header(send: SendBytes, header: Header) -> None:
    """Send a header; its `kind` says what it is."""
    send(json.dumps(header).encode())

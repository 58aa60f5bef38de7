"""Storing an upload: a file of feedback becomes a dataset."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from intake.dataset.seen_ids import SeenIds
from intake.dataset.validate import validate_block
from intake.dataset.writer import DatasetWriter
from intake.detect.file_layout import FileLayout, choose_layout
from intake.detect.fingerprint import compute_fingerprint
from intake.detect.source import UploadFile, open_source
from intake.errors import UnreadableUpload
from intake.readers.columns import ColumnRequest
from intake.readers.open_reader import open_reader
from storage.errors import BadRequest
from storage.names import check_name, digest
from storage.places.place import CannotWrite, Place
from storage.places.retry import StorageUnavailable
from storage.records import feedback

# Raise it when the same upload would be read in another way than before.
_READER_VERSION = 1
_MAX_COLUMNS = 10_000  # dataset.json lists all of them


@dataclass(frozen=True)
class UploadOptions:
    """The file to store, and how to read it. An option that is None is chosen by the content."""

    path: str  # a local path, a URL, or "-" for standard input
    customer: str
    columns: ColumnRequest = field(default_factory=ColumnRequest)
    encoding: str | None = None
    format: str | None = None  # one of intake.detect.file_format.FORMATS
    chunk_rows: int = 4096
    max_chars: int = 20_000  # a clean text longer than this is rejected


def _now() -> datetime:
    """Return the time to the millisecond, which is enough to tell uploads apart."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def store_upload(
    place: Place,
    options: UploadOptions,
    stdin: BinaryIO,
    notify: Callable[[str], None],
    clock: Callable[[], datetime] = _now,
) -> feedback.Dataset:
    """Store the upload as a dataset of its customer, and return the dataset.

    An upload of the same bytes with the same options is the same dataset, which is not written
    again. `notify` gets one-line notices for people. The upload is read twice, in the same memory
    however long it is. Raises BadRequest (UnreadableUpload, BadName) with nothing stored;
    CannotWrite.
    """
    check_name("customer", options.customer)
    if options.chunk_rows < 1 or options.max_chars < 1:
        raise BadRequest("A chunk needs at least one row, and a text at least one character.")
    try:
        return _find_or_store(place, options, stdin, notify, clock)
    except StorageUnavailable:
        raise
    except OSError as error:  # of temporary files: reading, and the place, have their own errors
        raise CannotWrite(f"temporary files in {tempfile.gettempdir()}", str(error)) from error


def _find_or_store(
    place: Place,
    options: UploadOptions,
    stdin: BinaryIO,
    notify: Callable[[str], None],
    clock: Callable[[], datetime],
) -> feedback.Dataset:
    with open_source(options.path, stdin) as source:
        fingerprint = compute_fingerprint(source.blocks())
        layout = choose_layout(source, fingerprint, options.format, options.encoding)
        for notice in layout.notices:
            notify(f"{source.name}: {notice}")
        dataset = _dataset_id(options, fingerprint.sha256, layout)
        if place.exists(feedback.dataset_path(options.customer, dataset)):
            return feedback.read_dataset(place, options.customer, dataset)
        return _store(place, options, source, layout, fingerprint.sha256, dataset, clock)


def _dataset_id(options: UploadOptions, sha256: str, layout: FileLayout) -> str:
    """Return 32 hexadecimal digits of the bytes and of all that affects what becomes of them."""
    read_as = [
        layout.format,
        layout.encoding,
        layout.delimiter,
        layout.line_end,
        next(iter(options.columns.texts), None),
        options.columns.id,
    ]
    identity = [_READER_VERSION, sha256, *read_as, options.chunk_rows, options.max_chars]
    if options.columns.no_id:
        identity.append("no id")
    return digest(json.dumps(identity).encode())[:32]


def _store(
    place: Place,
    options: UploadOptions,
    source: UploadFile,
    layout: FileLayout,
    sha256: str,
    dataset: str,
    clock: Callable[[], datetime],
) -> feedback.Dataset:
    with (
        open_reader(source, layout, options.columns) as opened,
        DatasetWriter(place, options.customer, dataset, options.chunk_rows) as writer,
    ):
        seen_ids = SeenIds()
        for block in opened.blocks:
            writer.add(*validate_block(block, seen_ids, options.max_chars), block.columns)
            if len(writer.columns) > _MAX_COLUMNS:
                raise UnreadableUpload(
                    source.name,
                    f"its records have more than {_MAX_COLUMNS} different keys",
                    "Keys must be column names; put data into values.",
                )
        source.check_unchanged()
        if not writer.rows_in:
            raise UnreadableUpload(
                source.name, "it has a header and no rows", "Check the export that made it."
            )
        return writer.finish(
            feedback.UploadSource(
                name=source.name,
                format=layout.format,
                encoding=layout.encoding,
                text_column=opened.text_column,
                id_column=opened.id_column,
                sha256=sha256,
            ),
            clock(),
        )

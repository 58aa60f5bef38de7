"""A file of feedback becomes a stored dataset."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from intake.dataset.seen_ids import SeenIds
from intake.dataset.validate import validate_block
from intake.dataset.writer import DatasetWriter
from intake.detect.file_layout import FileLayout, choose_layout
from intake.detect.fingerprint import compute_fingerprint
from intake.detect.source import UploadSource, open_source
from intake.errors import UnreadableUpload
from intake.readers.open_reader import open_reader
from storage.errors import BadRequest
from storage.names import check_name, digest
from storage.places.place import CannotWrite, Place
from storage.places.retry import StorageUnavailable
from storage.records import feedback

# Raise it when the same upload would be read in another way than before.
_VERSION = 1
_MOST_COLUMNS = 10_000  # all of them stand in dataset.json


@dataclass(frozen=True)
class UploadOptions:
    """What is to be taken in, and how. Where an option is None, it is found out."""

    path: str  # a local path, a URL, or "-" for standard input
    customer: str
    text_column: str | None = None
    id_column: str | None = None
    encoding: str | None = None
    format: str | None = None  # one of intake.detect.file_format.FORMATS
    chunk_rows: int = 4096
    max_chars: int = 20_000  # a clean text longer than this is rejected


def _now() -> datetime:
    """To the millisecond, which is enough to tell uploads apart."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def store_upload(
    place: Place,
    upload: UploadOptions,
    stdin: BinaryIO,
    notify: Callable[[str], None],
    clock: Callable[[], datetime] = _now,
) -> feedback.Dataset:
    """Store the upload as a dataset of its customer, or return it if it is there already: same
    bytes, same options.

    `said` gets one-line notices for people. The upload is read twice, in the same memory however
    long it is. Raises BadRequest (UnreadableUpload, BadName) with nothing stored; CannotWrite.
    """
    check_name("customer", upload.customer)
    if upload.chunk_rows < 1 or upload.max_chars < 1:
        raise BadRequest("A chunk needs at least one row, and a text at least one character.")
    try:
        return _take_in(place, upload, stdin, notify, clock)
    except StorageUnavailable:
        raise
    except OSError as error:  # reading, and the place, have errors of their own
        raise CannotWrite(f"temporary files in {tempfile.gettempdir()}", str(error)) from error


def _take_in(
    place: Place,
    upload: UploadOptions,
    stdin: BinaryIO,
    said: Callable[[str], None],
    clock: Callable[[], datetime],
) -> feedback.Dataset:
    with open_source(upload.path, stdin) as source:
        found = compute_fingerprint(source.blocks())
        shape = choose_layout(source, found, upload.format, upload.encoding)
        for notice in shape.notices:
            said(f"{source.name}: {notice}")
        dataset = _dataset_id(upload, found.sha256, shape)
        if place.exists(feedback.dataset_path(upload.customer, dataset)):
            return feedback.read_dataset(place, upload.customer, dataset)
        return _store(place, upload, source, shape, found.sha256, dataset, clock)


def _dataset_id(upload: UploadOptions, sha256: str, shape: FileLayout) -> str:
    """32 hexadecimal digits from the bytes and all that affects what is made of them."""
    read_as = [
        shape.format,
        shape.encoding,
        shape.delimiter,
        shape.line_end,
        upload.text_column,
        upload.id_column,
    ]
    return digest(
        json.dumps([_VERSION, sha256, *read_as, upload.chunk_rows, upload.max_chars]).encode()
    )[:32]


def _store(
    place: Place,
    upload: UploadOptions,
    source: UploadSource,
    shape: FileLayout,
    sha256: str,
    dataset: str,
    clock: Callable[[], datetime],
) -> feedback.Dataset:
    with (
        open_reader(source, shape, upload.text_column, upload.id_column) as opened,
        DatasetWriter(place, upload.customer, dataset, upload.chunk_rows) as writer,
    ):
        seen = SeenIds()
        for block in opened.blocks:
            writer.add(*validate_block(block, seen, upload.max_chars), block.columns)
            if len(writer.columns) > _MOST_COLUMNS:
                found = f"its records have more than {_MOST_COLUMNS} different keys"
                raise UnreadableUpload(
                    source.name, found, "Keys must be column names; put data into values."
                )
        source.check_unchanged()
        if not writer.rows_in:
            raise UnreadableUpload(
                source.name, "it has a header and no rows", "Check the export that made it."
            )
        return writer.finish(
            feedback.Source(
                name=source.name,
                format=shape.format,
                encoding=shape.encoding,
                text_column=opened.text_column,
                id_column=opened.id_column,
                sha256=sha256,
            ),
            clock(),
        )

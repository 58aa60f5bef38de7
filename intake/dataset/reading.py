"""The reading of an upload, from its bytes to validated blocks; nothing is stored here.

Storing is separate (`intake.dataset.upload`), so that the reading may run in another process.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from intake.archives.office_file import workbook_format
from intake.archives.zip_upload import unpack_zip
from intake.dataset.blank_rows import drop_blank_rows
from intake.dataset.seen_ids import SeenIds
from intake.dataset.upload_options import UploadOptions
from intake.dataset.validate import validate_block
from intake.detect.file_layout import FileLayout, choose_layout
from intake.detect.fingerprint import compute_fingerprint
from intake.detect.intake_limits import check_limit
from intake.detect.source import UploadFile
from intake.readers.block import OpenedUpload, Reject
from intake.readers.columns import requested_names
from intake.readers.open_reader import open_reader


@dataclass(frozen=True)
class UploadFacts:
    """Facts about an upload that are known before any of its records is read."""

    sha256: str  # of the decompressed bytes
    layout: FileLayout


@dataclass(frozen=True)
class ValidatedBlock:
    """The feedback and the rejects of some records."""

    feedback: pa.Table  # schema CHUNK
    rejects: list[Reject]
    columns: tuple[str, ...]  # the names that may occur in the column `extra`
    blank_rows: int = 0  # dropped: neither feedback nor rejects


@dataclass(frozen=True)
class ValidatedUpload:
    """The chosen columns of an upload, and its blocks, which are still to be read."""

    text_column: str
    id_column: str | None
    columns: tuple[str, ...]  # all of them, as in `OpenedUpload`
    blocks: Iterator[ValidatedBlock]
    notices: tuple[str, ...] = ()  # one line for people about each choice that was not requested


class UploadReading(Protocol):
    """An upload whose facts are known, and whose records are read on request."""

    @property
    def facts(self) -> UploadFacts:
        """The facts, from a first pass over the bytes."""

    def records(self) -> AbstractContextManager[ValidatedUpload]:
        """Open the upload. Raises UnreadableUpload, as do the blocks while they are read.

        The last block comes only if the file did not change since the facts were found.
        """


# Opens a reading of a local file. Raises UnreadableUpload.
ReadUpload = Callable[[UploadFile, UploadOptions], AbstractContextManager[UploadReading]]


@contextmanager
def read_in_process(source: UploadFile, options: UploadOptions) -> Iterator[UploadReading]:
    """Yield the reading of an upload in this process. Raises UnreadableUpload."""
    with unpack_zip(source) as file:
        yield _Reading(file, options)


class _Reading:
    """The reading of an upload in this process."""

    def __init__(self, source: UploadFile, options: UploadOptions) -> None:
        self._source, self._options = source, options
        fingerprint = compute_fingerprint(source.blocks())
        workbook = workbook_format(source, fingerprint.counts.head)
        names = requested_names(options.columns)
        layout = choose_layout(
            source, fingerprint, options.format, options.encoding, workbook, names
        )
        self.facts = UploadFacts(fingerprint.sha256, layout)

    @contextmanager
    def records(self) -> Iterator[ValidatedUpload]:
        layout, options = self.facts.layout, self._options
        with open_reader(self._source, layout, options.columns, options.sheet) as opened:
            yield ValidatedUpload(
                opened.text_column,
                opened.id_column,
                opened.columns,
                self._blocks(opened),
                opened.notices,
            )

    def _blocks(self, opened: OpenedUpload) -> Iterator[ValidatedBlock]:
        name, limits = self._source.name, self._options.limits
        seen_ids, columns, rows = SeenIds(), set[str](), 0
        for block in opened.blocks:
            columns.update(block.columns)
            block = drop_blank_rows(block)
            check_limit(name, limits, "columns", len(columns), "columns or keys")
            rows += len(block.row_numbers) + len(block.rejects) + block.blank_rows
            check_limit(name, limits, "rows", rows, "rows")
            feedback, rejects = validate_block(
                block, seen_ids, self._options.max_chars, limits.field
            )
            yield ValidatedBlock(feedback, rejects, block.columns, block.blank_rows)
        self._source.check_unchanged()

"""Storing an upload: a file of feedback becomes a dataset."""

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import BinaryIO

from intake.dataset.reading import ReadUpload, UploadFacts, UploadReading, read_in_process
from intake.dataset.refusal import check_losses
from intake.dataset.row_tally import RowTally
from intake.dataset.upload_options import UploadOptions
from intake.dataset.writer import DatasetWriter
from intake.detect.source import open_source
from intake.errors import UnreadableUpload
from intake.readers.columns import ColumnRequest
from storage.errors import BadRequest
from storage.names import check_name, digest
from storage.places.place import CannotWrite, Place
from storage.places.retry import StorageUnavailable
from storage.records import feedback

# Raise it when most uploads would be read in another way than before. It did not change when blank
# rows and titles came to be left out: what is stored stays as it was read.
_READER_VERSION = 1


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
    read: ReadUpload = read_in_process,
) -> feedback.Dataset:
    """Store the upload as a dataset of its customer, and return the dataset.

    An upload of the same bytes with the same options is the same dataset, which is not written
    again. `notify` gets one-line notices for people. `read` opens the reading of the file. The
    upload is read twice, in the same memory however long it is. Raises BadRequest
    (UnreadableUpload, BadName) with nothing stored; CannotWrite.
    """
    [dataset] = store_columns(place, options, [options.columns], stdin, notify, clock, read)
    return dataset


def store_columns(
    place: Place,
    options: UploadOptions,
    requests: Sequence[ColumnRequest],
    stdin: BinaryIO,
    notify: Callable[[str], None],
    clock: Callable[[], datetime] = _now,
    read: ReadUpload = read_in_process,
) -> list[feedback.Dataset]:
    """Store the upload as a dataset for each of these requests, as `store_upload` does for one.

    If one of them is refused, none is stored: they are completed once the last one has been read.
    """
    check_name("customer", options.customer)
    if options.chunk_rows < 1 or options.max_chars < 1:
        raise BadRequest("A chunk needs at least one row, and a text at least one character.")
    notify_once = _without_repeats(notify)
    try:
        with (
            open_source(options.path, stdin, options.limits) as source,
            ExitStack() as writers,
        ):
            finishers = []
            for request in requests:
                request_options = replace(options, columns=request)
                with read(source, request_options) as reading:
                    for notice in reading.facts.layout.notices:
                        notify_once(f"{source.name}: {notice}")
                    finishers.append(
                        _store_rows(
                            writers, place, request_options, source.name, reading, notify_once
                        )
                    )
            datasets = [finish(clock()) for finish in finishers]
            for blank_rows in dict.fromkeys(dataset.blank_rows for dataset in datasets):
                if blank_rows:
                    notify(f"{source.name}: rows left out because they are blank: {blank_rows}")
            return datasets
    except StorageUnavailable:
        raise
    except OSError as error:  # of temporary files: reading, and the place, have their own errors
        raise CannotWrite(f"temporary files in {tempfile.gettempdir()}", str(error)) from error


def _without_repeats(notify: Callable[[str], None]) -> Callable[[str], None]:
    shown: set[str] = set()

    def notify_once(line: str) -> None:
        if line not in shown:
            shown.add(line)
            notify(line)

    return notify_once


def _store_rows(
    writers: ExitStack,
    place: Place,
    options: UploadOptions,
    name: str,
    reading: UploadReading,
    notify: Callable[[str], None],
) -> Callable[[datetime], feedback.Dataset]:
    """Read the upload, and write all but dataset.json.

    Return a function that completes the dataset; its argument is the time of the upload.
    """
    dataset, layout = _dataset_id(options, reading.facts), reading.facts.layout
    if place.exists(feedback.dataset_path(options.customer, dataset)):
        stored = feedback.read_dataset(place, options.customer, dataset)
        return lambda _: stored
    writer = writers.enter_context(
        DatasetWriter(place, options.customer, dataset, options.chunk_rows)
    )
    with reading.records() as upload:
        for notice in upload.notices:
            notify(f"{name}: {notice}")
        tally = RowTally(has_ids=upload.id_column is not None)
        for block in upload.blocks:
            tally.add(block.feedback["id"].combine_chunks(), block.rejects)
            writer.add(block.feedback, block.rejects, block.columns, block.blank_rows)
            check_losses(
                name, tally, options.accepted, upload.id_column, writer.columns, complete=False
            )
        if not writer.rows_in:
            raise UnreadableUpload(
                name, "it has a header and no rows", "Check the export that made it."
            )
        check_losses(name, tally, options.accepted, upload.id_column, writer.columns)
    source = feedback.UploadSource(
        name=name,
        format=layout.format,
        encoding=layout.encoding,
        text_column=upload.text_column,
        id_column=upload.id_column,
        sha256=reading.facts.sha256,
        columns=upload.columns,
        delimiter=layout.delimiter if layout.format in ("csv", "tsv") else "",
    )
    return lambda taken_in: writer.finish(source, taken_in)


def _dataset_id(options: UploadOptions, facts: UploadFacts) -> str:
    """Return 32 hexadecimal digits of the bytes and of all that affects what becomes of them."""
    read_as = [
        facts.layout.format,
        facts.layout.encoding,
        facts.layout.delimiter,
        facts.layout.line_end,
        next(iter(options.columns.texts), None),
        options.columns.id,
    ]
    identity = [_READER_VERSION, facts.sha256, *read_as, options.chunk_rows, options.max_chars]
    if options.columns.texts[1:]:
        identity += ["joined", *options.columns.texts[1:]]
    if options.columns.no_id:
        identity.append("no id")
    if options.sheet is not None:
        identity += ["sheet", options.sheet]
    return digest(json.dumps(identity).encode())[:32]

"""Export: write a table of labelled rows to a file in one of the formats."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.errors import ChorusError
from storage.log_text import log_text
from storage.places.place import CannotWrite, Place
from storage.places.retry import StorageUnavailable
from storage.records.exported_files import RequestedFile, is_missing, requested_files
from storage.records.jobs import Job, read_job
from tasks.export.destination import write_whole_file
from tasks.export.export_table import ExportTable, table_of_jobs
from tasks.export.labelled_job import open_labelled_job
from tasks.formats.output_format import FileFormat, format_of
from tasks.formats.writers import WRITERS

log = logging.getLogger(__name__)


class ExportStopped(Exception):
    """The job of a file was stopped while the file was written; nothing was written."""


@dataclass(frozen=True)
class NotWritten:
    """The requested files of a job that could not be written."""

    errors: Mapping[str, str]  # by path or URL
    is_latest: bool  # whether the file of the latest request is one of them


def write_rows(
    table: ExportTable,
    format_: FileFormat,
    file: Path,
    report: Callable[[int], None] = lambda _: None,
) -> None:
    """Write all rows to a new local file; `report` gets the number of rows so far.

    Raises ExcelNotInstalled, TooManyColumns, Absent, DamagedPart.
    """
    rows = 0
    with WRITERS[format_](file, table.schema) as write:
        for part in table.tables():
            write(part)
            rows += len(part)
            report(rows)


def export_to_url(
    place: Place,
    table: ExportTable,
    jobs: Sequence[str],
    url: str,
    format_: FileFormat,
    report: Callable[[int], None] = lambda _: None,
) -> None:
    """Write all rows to a local path or a URL, whole or not at all.

    Raises FileTaken, CannotWrite, and what `write_rows` raises.
    """
    write_whole_file(place, url, jobs, lambda file: write_rows(table, format_, file, report))


def write_requested_files(place: Place, job: Job, is_stopped: Callable[[], bool]) -> NotWritten:
    """Write the files that were requested with a labelled job and are missing.

    Each is tried, also one that is requested meanwhile; a failure is logged in one line. Returns
    the files that could not be written. Raises ExportStopped once `is_stopped`, BadRecord, and
    StorageUnavailable if the latest request's place is unavailable.
    """
    tried: dict[RequestedFile, ChorusError | OSError | None] = {}
    files = requested_files(place, job.id)
    while untried := [file for file in files if file not in tried]:
        for file in untried:
            error = tried[file] = _write_requested_file(place, job, file, is_stopped)
            if error is not None:
                log.error(
                    "a requested file is not written: %s", log_text(error), extra={"job": job.id}
                )
        files = requested_files(place, job.id)
    latest = tried[files[-1]] if files else None
    if isinstance(latest, StorageUnavailable):
        raise latest
    errors = {file.url: str(error) for file in files if (error := tried[file]) is not None}
    return NotWritten(errors, is_latest=latest is not None)


def _write_requested_file(
    place: Place, job: Job, file: RequestedFile, is_stopped: Callable[[], bool]
) -> ChorusError | OSError | None:
    """Write a requested file if it is missing; return why it could not be written.

    Raises ExportStopped once `is_stopped`.
    """

    def check(_: int) -> None:
        if is_stopped():
            raise ExportStopped

    try:
        if is_missing(place, job.id, file):
            jobs = [open_labelled_job(place, read_job(place, name)) for name in file.jobs]
            format_ = format_of(file.url) or "csv"
            export_to_url(place, table_of_jobs(jobs), file.jobs, file.url, format_, check)
    except StorageUnavailable as error:
        return error
    except OSError as error:
        return CannotWrite(file.url, error.strerror or str(error))
    except ChorusError as error:
        return error
    return None

"""Export: write a table of labelled rows to a file in one of the formats."""

from collections.abc import Callable, Sequence
from pathlib import Path

from storage.places.place import Place
from storage.records.exported_files import missing_files
from storage.records.jobs import Job, read_job
from tasks.export.destination import write_whole_file
from tasks.export.export_table import ExportTable, table_of_jobs
from tasks.export.labelled_job import open_labelled_job
from tasks.formats.output_format import FileFormat, format_of
from tasks.formats.writers import WRITERS


class ExportStopped(Exception):
    """The job of a file was stopped while the file was written; nothing was written."""


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


def write_requested_files(place: Place, job: Job, is_stopped: Callable[[], bool]) -> None:
    """Write the files that were requested with a labelled job and are missing.

    Raises ExportStopped once `is_stopped`, and what `export_to_url` raises.
    """

    def check(_: int) -> None:
        if is_stopped():
            raise ExportStopped

    for file in missing_files(place, job.id):
        jobs = [open_labelled_job(place, read_job(place, name)) for name in file.jobs]
        format_ = format_of(file.url) or "csv"
        export_to_url(place, table_of_jobs(jobs), file.jobs, file.url, format_, check)

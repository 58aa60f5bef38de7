"""`chorus export`: the labels of jobs, or of a customer, as one file."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chorus.common.console import print_json, print_notice, stderr_console
from chorus.common.settings import Settings
from chorus.export.out_option import UnknownFileFormat, check_file
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.jobs import Job
from tasks.export.customer_table import open_active_jobs, table_of_customer
from tasks.export.destination import claim_file
from tasks.export.export_table import ExportTable, table_of_jobs
from tasks.export.labelled_job import LabelledJob, open_labelled_job
from tasks.export.write_export import export_to_url, write_rows
from tasks.formats.output_format import FileFormat, format_of

STDOUT = "-"


class WrongSelection(BadRequest):
    """A request that names neither jobs nor a customer, or both."""

    def __init__(self) -> None:
        super().__init__("Name the jobs to export, or one --customer, and not both.")


@dataclass(frozen=True)
class ExportRequest:
    """The arguments of the command: jobs, or a customer."""

    jobs: tuple[Job, ...]
    customer: str | None
    out: str  # a path, a URL, or "-" for standard output
    format_: FileFormat | None
    force: bool
    as_json: bool


def export(settings: Settings, request: ExportRequest) -> None:
    """Write the file, and say what it has. Raises ChorusError."""
    if bool(request.jobs) == (request.customer is not None):
        raise WrongSelection
    place = open_place(settings.home)
    format_ = request.format_ or format_of(request.out)
    if format_ is None:
        raise UnknownFileFormat(request.out, "Or choose the format with --format.")
    url = request.out
    if url != STDOUT:
        url = check_file(settings.check_allowed(url))
        claim_file(place, url, force=request.force)
    jobs, table = _table(place, request)
    with _show_rows() as show:
        if url == STDOUT:
            _write_to_stdout(table, format_, show)
        else:
            export_to_url(place, table, [job.job.id for job in jobs], url, format_, show)
    _report(request, url, jobs, table)


def _table(place: Place, request: ExportRequest) -> tuple[list[LabelledJob], ExportTable]:
    if request.customer is not None:
        jobs = open_active_jobs(place, request.customer)
        return jobs, table_of_customer(jobs)
    jobs = [open_labelled_job(place, job) for job in dict.fromkeys(request.jobs)]
    return jobs, table_of_jobs(jobs)


def _write_to_stdout(table: ExportTable, format_: FileFormat, show: Callable[[int], None]) -> None:
    """Write to a temporary file first, so that an error comes before the first byte."""
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        file = Path(folder, f"export.{format_}")
        write_rows(table, format_, file, show)
        with file.open("rb") as opened:
            shutil.copyfileobj(opened, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@contextmanager
def _show_rows() -> Iterator[Callable[[int], None]]:
    """Show the number of rows so far, on a terminal."""
    console = stderr_console()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("exporting") as status:
        yield lambda rows: status.update(f"exporting: {rows:,} rows")


def _report(
    request: ExportRequest, url: str, jobs: Sequence[LabelledJob], table: ExportTable
) -> None:
    # jobs side by side have the same rows
    counted = jobs if request.customer is not None else jobs[:1]
    rows = sum(job.manifest.rows_in for job in counted)
    rejected = sum(job.manifest.rows_rejected for job in counted)
    if request.as_json and url != STDOUT:
        print_json(
            {
                "status": "done",
                "file": url,
                "jobs": [job.job.id for job in jobs],
                "rows": rows,
                "rows_rejected": rejected,
                "columns": table.schema.names,
            }
        )
    else:
        print_notice(
            f"Exported: {'standard output' if url == STDOUT else url}, {rows:,} rows"
            + (f", {rejected:,} of them rejected (see reject_reason)." if rejected else ".")
        )

"""From a file of feedback to its jobs: one, or one for each text column that was asked for."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chorus.common.console import print_notice
from chorus.common.process_setup import block_pandas
from chorus.common.settings import Settings
from chorus.export.out_option import OutOption, claim_out
from chorus.uploads.intake_progress import IntakeProgress
from intake.dataset.refusal import AcceptedLosses
from intake.dataset.upload import store_columns
from intake.dataset.upload_options import UploadOptions
from intake.isolation.isolated_reader import IsolatedReader
from intake.readers.columns import ColumnRequest
from processes.piped_process import PipedProcess
from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.feedback import Dataset
from storage.records.jobs import Job, Priority
from tasks.jobs.submit import build_job, resolve_versions
from workers.config.all_tables import read_chorus_config

_FOLDER_CHARS = 60


class WrongColumns(BadRequest):
    """Options for columns that do not fit together."""


@dataclass(frozen=True)
class UploadRequest:
    """The arguments of the command, as they came."""

    file: str
    customer: str
    out: str | None
    texts: tuple[str, ...]
    join_text: bool
    id_column: str | None
    no_id: bool
    allow_duplicates: bool
    force: bool
    encoding: str | None
    format_: str | None
    sheet: str | None
    no_text: bool
    keep_columns: bool
    priority: Priority
    deadline: float | None  # minutes from now
    as_json: bool


def prepare_jobs(
    settings: Settings,
    place: Place,
    request: UploadRequest,
    out: OutOption,
    reader: PipedProcess | None = None,
) -> list[tuple[Job, Dataset]]:
    """Store the feedback of the upload, and return its jobs, which are not written yet.

    `reader`: a process that was started to read the file.

    There is one for each text column; if one of them is refused, none is stored. The versions are
    resolved before the file is read, so that a wrong customer fails at once. Raises WrongColumns,
    NotAllowed, FileTaken, BadConfigFile, NotPublished, and the errors of store_upload.
    """
    columns = column_requests(request)
    file = request.file if request.file == "-" else settings.check_allowed(request.file)
    read_chorus_config(place)  # a mistake is reported before anything is stored
    claim_out(place, out, force=request.force)
    with IntakeProgress() as show, ExitStack() as stack:
        # First, because they take a moment to start.
        readers = iter(
            [
                stack.enter_context(IsolatedReader(block_pandas, show, started))
                for started in (reader, *[None] * (len(columns) - 1))
            ]
        )
        versions = resolve_versions(place, request.customer)
        datasets = store_columns(
            place,
            _upload_options(settings, request, file, len(columns)),
            columns,
            sys.stdin.buffer,
            print_notice,
            read=lambda source, options: next(readers).read(source, options),
        )
    jobs = [
        build_job(
            place,
            dataset,
            versions,
            out=folder,
            keep_text=not request.no_text,
            keep_columns=request.keep_columns,
            priority=request.priority,
            deadline=_deadline(request.deadline),
        )
        for dataset, folder in zip(datasets, _folders(out.folder, datasets), strict=True)
    ]
    return list(zip(jobs, datasets, strict=True))


def column_requests(request: UploadRequest) -> list[ColumnRequest]:
    """Return the columns of each job of the upload. Raises WrongColumns."""
    texts = request.texts
    if request.no_id and request.id_column is not None:
        raise WrongColumns("--id and --no-id contradict each other. Use one of them.")
    if len(set(texts)) < len(texts):
        raise WrongColumns("--text names a column twice. Name each column once.")
    if request.join_text and len(texts) < 2:
        raise WrongColumns(
            "--join-text joins the columns that --text names. Give --text at least twice."
        )
    of_jobs = [texts] if request.join_text or not texts else [(text,) for text in texts]
    return [ColumnRequest(columns, request.id_column, request.no_id) for columns in of_jobs]


def _upload_options(
    settings: Settings, request: UploadRequest, file: str, text_columns: int
) -> UploadOptions:
    return UploadOptions(
        path=file,
        customer=request.customer,
        accepted=AcceptedLosses(
            request.allow_duplicates, request.force, blank_texts=text_columns > 1
        ),
        encoding=request.encoding,
        format=request.format_,
        sheet=request.sheet,
        chunk_rows=settings.chunk_rows,
        max_chars=settings.max_text,
        limits=settings.intake_limits,
    )


def _folders(out: str | None, datasets: Sequence[Dataset]) -> Iterator[str | None]:
    """Yield the output folder of each job: that of `--out`, or of several jobs one below it each.

    Its name is the text column's, with other characters than letters and digits replaced.
    """
    names: list[str] = []
    for dataset in datasets:
        name = re.sub(r"[^\w-]+", "_", dataset.source.text_column).strip("_")[:_FOLDER_CHARS]
        name = name or "text"
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
        yield out if out is None or len(datasets) == 1 else f"{out.rstrip('/')}/{names[-1]}"


def _deadline(minutes: float | None) -> datetime | None:
    return None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)

"""`chorus score` and `chorus submit`: from a file of feedback to a job."""

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError

from chorus.common.configuration import check_configuration
from chorus.common.console import print_json, print_line, print_notice
from chorus.common.process_setup import block_pandas
from chorus.common.settings import Settings
from chorus.export.out_option import OutOption, claim_out, read_out
from chorus.jobs.progress import show_progress
from chorus.jobs.score_report import nothing_labelled, print_result, score_result
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from chorus.service.job_forecast import read_work_to_start, store_forecast
from chorus.service.run_job import interrupt_on_sigterm, run_job
from intake.dataset.refusal import AcceptedLosses
from intake.dataset.upload import store_upload
from intake.dataset.upload_options import UploadOptions
from intake.isolation.isolated_reader import IsolatedReader
from intake.readers.columns import ColumnRequest
from models.interface.device import choose_device, gather_gpu_facts
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.exported_files import request_file
from storage.records.feedback import Dataset
from storage.records.jobs import Job, Priority
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.submit import build_job, create_job, resolve_versions, start_job


@dataclass(frozen=True)
class UploadRequest:
    """The arguments of the command, as they came."""

    file: str
    customer: str
    out: str | None
    text: str | None
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


def score(settings: Settings, request: UploadRequest) -> int:
    """Label the upload, wait, and print the result. Raises ChorusError, KeyboardInterrupt.

    Returns the exit status: 1 if no row was labelled.
    """
    choose_device(settings.device, gather_gpu_facts(count_with_torch=False))
    interrupt_on_sigterm()
    started = time.monotonic()
    place, out = open_place(settings.home), read_out(settings, request.out)
    job, dataset = prepare_job(settings, place, request, out)
    job = _create_job(place, job, out)
    with show_progress(job, dataset) as show:
        outcome = run_job(settings, place, job, show)
    seconds = time.monotonic() - started
    if request.as_json:
        print_json(score_result(job, dataset, outcome, seconds) | {"file": out.file})
    else:
        print_result(place, job, dataset, outcome.manifest, seconds)
        if out.file is not None:
            print_line(f"File: {out.file} (all rows; those without labels have a reject_reason)")
    return 0 if outcome.manifest.rows_labelled else 1


def submit(settings: Settings, request: UploadRequest) -> int:
    """Store the upload, write its job, start it in the service, print its id.

    Returns the exit status: 1 if it has no row to label. Raises ChorusError.
    """
    if service_broker(settings) is None:
        raise NoService
    with broker_for(settings) as broker:
        place, out = open_place(settings.home), read_out(settings, request.out)
        job, dataset = prepare_job(settings, place, request, out)
        job = _create_job(place, job, out)
        context = context_for(settings, broker.address)
        try:
            stored = read_work_to_start(place, job, dataset)
            store_forecast(settings, context, stored)
            start_job(context, job, stored)
        except RedisError as error:
            raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    if request.as_json:
        result = {"job": job.id, "status": "submitted"}
        print_json(result | {"rows_in": dataset.rows_in, "output": job.out, "file": out.file})
    else:
        print_line(job.id)
    if not dataset.rows:
        print_notice(nothing_labelled(dataset.rows_in, dataset.reasons))
    return 0 if dataset.rows else 1


def prepare_job(
    settings: Settings, place: Place, request: UploadRequest, out: OutOption
) -> tuple[Job, Dataset]:
    """Store the feedback of the upload, and return its job, which is not written yet.

    The versions are resolved before the file is read, so that a wrong customer fails at once.
    Raises NotAllowed, FileTaken, BadConfigFile, NotPublished, and the errors of store_upload.
    """
    file = request.file if request.file == "-" else settings.check_allowed(request.file)
    claim_out(place, out, force=request.force)
    check_configuration(place)
    with IsolatedReader(block_pandas) as reader:  # first, because it takes a moment to start
        versions = resolve_versions(place, request.customer)
        options = _upload_options(settings, request, file)
        dataset = store_upload(place, options, sys.stdin.buffer, print_notice, read=reader.read)
    job = build_job(
        place,
        dataset,
        versions,
        out=out.folder,
        keep_text=not request.no_text,
        keep_columns=request.keep_columns,
        priority=request.priority,
        deadline=_deadline(request.deadline),
    )
    return job, dataset


def _create_job(place: Place, job: Job, out: OutOption) -> Job:
    """Create the job, and request the file that `--out` names with it."""
    job = create_job(place, job)
    if out.file is not None:
        request_file(place, [job.id], out.file)
    return job


def _upload_options(settings: Settings, request: UploadRequest, file: str) -> UploadOptions:
    return UploadOptions(
        path=file,
        customer=request.customer,
        columns=ColumnRequest(
            (request.text,) if request.text else (), request.id_column, request.no_id
        ),
        accepted=AcceptedLosses(request.allow_duplicates, request.force),
        encoding=request.encoding,
        format=request.format_,
        sheet=request.sheet,
        chunk_rows=settings.chunk_rows,
        max_chars=settings.max_text,
        limits=settings.intake_limits,
    )


def _deadline(minutes: float | None) -> datetime | None:
    return None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)

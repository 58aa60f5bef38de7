"""`chorus score` and `chorus submit`: from a file to a job."""

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from rich.console import Console

from chorus.common.console_table import print_preview
from chorus.common.preview import read_preview
from chorus.common.settings import Settings
from chorus.jobs.progress import show_progress
from chorus.jobs.rejects import reject_reasons, rejected_by_models
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from chorus.service.job_forecast import read_work_to_start, store_forecast
from chorus.service.run_job import Outcome, interrupt_on_sigterm, run_job
from ensemble.spec import EnsembleRegistry
from intake.dataset.upload import UploadOptions, store_upload
from models.interface.device import choose_device, gather_gpu_facts
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records import feedback
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
    encoding: str | None
    format_: str | None
    no_text: bool
    keep_columns: bool
    priority: Priority
    deadline: float | None  # minutes from now
    as_json: bool


def score(settings: Settings, asked: UploadRequest) -> None:
    """Label the upload, wait, and print the result. Raises ChorusError, KeyboardInterrupt."""
    choose_device(settings.device, gather_gpu_facts(count_with_torch=False))
    interrupt_on_sigterm()
    began = time.monotonic()
    place = open_place(settings.home)
    console = Console(stderr=True)
    job, dataset = _job(settings, place, asked, console)
    with show_progress(job, dataset, console) as watch:
        outcome = run_job(settings, place, job, watch)
    seconds = time.monotonic() - began
    if asked.as_json:
        print(json.dumps(_summary(job, dataset, outcome, seconds)))
    else:
        _report(place, job, dataset, outcome, seconds)


def submit(settings: Settings, asked: UploadRequest) -> None:
    """Take the upload in, write the job, ask for a plan, print the job's id. Raises ChorusError."""
    if service_broker(settings) is None:
        raise NoService
    with broker_for(settings) as broker:
        place = open_place(settings.home)
        job, dataset = _job(settings, place, asked, Console(stderr=True))
        context = context_for(settings, broker.address)
        try:
            stored = read_work_to_start(place, job, dataset)
            store_forecast(settings, context, stored)
            start_job(context, job, stored)
        except RedisError as error:
            raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    if asked.as_json:
        print(
            json.dumps(
                {
                    "job": job.id,
                    "status": "submitted",
                    "rows_in": dataset.rows_in,
                    "output": job.out,
                }
            )
        )
    else:
        print(job.id)


def _job(
    settings: Settings, place: Place, asked: UploadRequest, console: Console
) -> tuple[Job, Dataset]:
    job, dataset = describe_upload(settings, place, asked, console)
    return create_job(place, job), dataset


def describe_upload(
    settings: Settings, place: Place, asked: UploadRequest, console: Console
) -> tuple[Job, Dataset]:
    """Take the feedback in, and say which job that makes, without writing it.

    Who answers is settled before the file is read, so that a wrong customer costs nothing. Raises
    NotAllowed, and what keeps the file from being taken in.
    """
    file = asked.file if asked.file == "-" else settings.check_allowed(asked.file)
    out = settings.check_allowed(asked.out) if asked.out else None
    lineup = resolve_versions(place, asked.customer)
    upload = UploadOptions(
        path=file,
        customer=asked.customer,
        text_column=asked.text,
        id_column=asked.id_column,
        encoding=asked.encoding,
        format=asked.format_,
        chunk_rows=settings.chunk_rows,
        max_chars=settings.max_text,
    )

    def said(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    dataset = store_upload(place, upload, sys.stdin.buffer, said)
    job = build_job(
        place,
        dataset,
        lineup,
        out=out,
        keep_text=not asked.no_text,
        keep_columns=asked.keep_columns,
        priority=asked.priority,
        deadline=None
        if asked.deadline is None
        else datetime.now(UTC) + timedelta(minutes=asked.deadline),
    )
    return job, dataset


def _summary(job: Job, dataset: Dataset, outcome: Outcome, seconds: float) -> dict[str, object]:
    manifest = outcome.manifest
    return {
        "job": job.id,
        "status": "done",
        "rows_in": manifest.rows_in,
        "rows_labelled": manifest.rows_labelled,
        "rows_rejected": manifest.rows_rejected,
        "cells_scored": outcome.cells,
        "seconds": round(seconds, 3),
        "rows_per_second": round(manifest.rows_labelled / seconds, 1),
        "models": {model.name: model.version for model in manifest.models},
        "output": job.out,
        "rejects": manifest.rejects,
        "rejects_of_models": [job.output.url_of(part.name) for part in manifest.rejected_parts],
        "reasons": reject_reasons(dataset, manifest),
    }


def _report(place: Place, job: Job, dataset: Dataset, outcome: Outcome, seconds: float) -> None:
    manifest = outcome.manifest
    ensemble = EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)
    if manifest.rows_labelled:
        print_preview(read_preview(job.output, manifest, ensemble), manifest.rows_labelled)
    reasons = ", ".join(
        f"{reason} {rows:,}" for reason, rows in reject_reasons(dataset, manifest).items()
    )
    members = ", ".join(f"{model.name} {model.version}" for model in manifest.models)
    print(
        f"Job {job.id}: {manifest.rows_in:,} rows in, {manifest.rows_labelled:,} labelled, ", end=""
    )
    print(
        f"{manifest.rows_rejected:,} rejected{f' ({reasons})' if reasons else ''}, in {seconds:,.1f} s."
    )
    print(f"Ensemble {manifest.ensemble.name} {manifest.ensemble.version}: {members}")
    print(f"Labelled: {job.out}")
    if dataset.rejected:
        print(f"Rejected: {place.url_of(feedback.rejects_path(dataset.customer, dataset.id))}")
    if manifest.rejected_parts:
        print(f"Rejected by models: {job.out}/_rejects-*.parquet")
        for detail, rows in rejected_by_models(job.output, manifest):
            print(f"  {rows:,} rows: {detail}")

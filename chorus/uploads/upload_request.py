"""`chorus score` and `chorus submit`: label a file of feedback, at once or by a service."""

import time
from collections.abc import Sequence

from redis.exceptions import RedisError

from chorus.common.console import print_json, print_line, print_notice
from chorus.common.settings import Settings
from chorus.export.out_option import OutOption, read_out
from chorus.feedback.reject_reasons import nothing_labelled
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from chorus.service.job_forecast import read_work_to_start, store_forecast
from chorus.service.run_job import Outcome, interrupt_on_sigterm, run_job
from chorus.uploads.prepare_jobs import UploadRequest, prepare_jobs
from chorus.uploads.progress import show_progress
from chorus.uploads.score_report import print_result, score_result
from models.interface.device import choose_device, gather_gpu_facts
from processes.piped_process import PipedProcess
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.exported_files import request_file
from storage.records.feedback import Dataset
from storage.records.jobs import Job
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.submit import check_output_free, create_job, start_job

JobOfUpload = tuple[Job, Dataset]


def score(settings: Settings, request: UploadRequest, reader: PipedProcess | None = None) -> int:
    """Label the upload, wait, and print the result. Raises ChorusError, KeyboardInterrupt.

    Several text columns are labelled one after the other. Returns the exit status: 1 if no row of
    a column was labelled.
    """
    choose_device(settings.device, gather_gpu_facts(count_with_torch=False))
    interrupt_on_sigterm()
    started = time.monotonic()
    place, out = open_place(settings.home), read_out(settings, request.out)
    jobs = _request_file(place, prepare_jobs(settings, place, request, out, reader), out)
    results = []
    for prepared, dataset in jobs:
        # Not before its turn: a job that is interrupted before is not to be continued by a service.
        job = create_job(place, prepared)
        outcome = _score_job(settings, place, job, dataset)
        seconds = time.monotonic() - started
        if not request.as_json:
            if len(jobs) > 1:
                print_line(f"Text column {dataset.source.text_column!r}:")
            print_result(place, job, dataset, outcome.manifest, seconds)
        results.append((outcome, score_result(job, dataset, outcome, seconds)))
        started = time.monotonic()
    if request.as_json:
        print_json(_as_object(jobs, [result for _, result in results], "done", out))
    elif out.file is not None:
        print_line(f"File: {out.file} (all rows; those without labels have a reject_reason)")
    return 0 if all(outcome.manifest.rows_labelled for outcome, _ in results) else 1


def submit(settings: Settings, request: UploadRequest, reader: PipedProcess | None = None) -> int:
    """Store the upload, write its jobs, start them in the service, print their ids.

    Returns the exit status: 1 if a job has no row to label. Raises ChorusError.
    """
    interrupt_on_sigterm()  # so that no copy of the upload is left behind
    if service_broker(settings) is None:
        raise NoService
    with broker_for(settings) as broker:
        place, out = open_place(settings.home), read_out(settings, request.out)
        prepared = _request_file(place, prepare_jobs(settings, place, request, out, reader), out)
        jobs = [(create_job(place, job), dataset) for job, dataset in prepared]
        context = context_for(settings, broker.address)
        try:
            for job, dataset in jobs:
                _start(settings, context, job, dataset)
        except RedisError as error:
            raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    if request.as_json:
        objects: list[dict[str, object]] = [
            {
                "job": job.id,
                "status": "submitted",
                "rows_in": dataset.rows_in,
                "output": job.out,
            }
            for job, dataset in jobs
        ]
        print_json(_as_object(jobs, objects, "submitted", out))
    else:
        for job, _ in jobs:
            print_line(job.id)
    for _, dataset in jobs:
        if not dataset.rows:
            print_notice(nothing_labelled(dataset.rows_in, dataset.reasons))
    return 0 if all(dataset.rows for _, dataset in jobs) else 1


def _request_file(
    place: Place, jobs: Sequence[JobOfUpload], out: OutOption
) -> Sequence[JobOfUpload]:
    """Request the file that `--out` names with the jobs, which are not written yet.

    Raises OutputTaken.
    """
    for job, _ in jobs:
        check_output_free(job)
    if out.file is not None:
        request_file(place, [job.id for job, _ in jobs], out.file)
    return jobs


def _score_job(settings: Settings, place: Place, job: Job, dataset: Dataset) -> Outcome:
    with show_progress(job, dataset) as show:
        return run_job(settings, place, job, show)


def _start(settings: Settings, context: Context, job: Job, dataset: Dataset) -> None:
    stored = read_work_to_start(context.place, job, dataset)
    store_forecast(settings, context, stored)
    start_job(context, job, stored)


def _as_object(
    jobs: Sequence[JobOfUpload],
    results: Sequence[dict[str, object]],
    status: str,
    out: OutOption,
) -> dict[str, object]:
    """Return the object of --json: the result of the job, or those of several in a list."""
    if len(results) == 1:
        return {**results[0], "file": out.file}
    with_column = [
        {"text_column": dataset.source.text_column, **result}
        for (_, dataset), result in zip(jobs, results, strict=True)
    ]
    return {"status": status, "jobs": with_column, "file": out.file}

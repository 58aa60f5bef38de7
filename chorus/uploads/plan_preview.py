"""`chorus plan`: what a job or `chorus reprocess` would take. Nothing is started."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from chorus.common.configuration import check_configuration
from chorus.common.console import print_json
from chorus.common.settings import Settings
from chorus.export.out_option import read_out
from chorus.feedback.reject_examples import reject_examples
from chorus.jobs.lookup import find_job
from chorus.reprocess.reprocess_runs import NothingStored
from chorus.service.connection import board_of_service
from chorus.service.job_forecast import forecast_jobs
from chorus.service.run_job import interrupt_on_sigterm
from chorus.uploads.plan_report import PlannedFeedback, PlannedWork, plan_as_object, print_plan
from chorus.uploads.prepare_jobs import UploadRequest, prepare_jobs
from processes.piped_process import PipedProcess
from storage.names import is_name
from storage.places.dry_run import DryRunPlace
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import Dataset, is_chunk
from storage.records.feedback import customers as all_customers
from storage.records.jobs import Job
from tasks.jobs.reprocess import build_jobs_of, build_run
from tasks.jobs.submit import check_output_free
from tasks.planning.forecast import JobForecast
from tasks.planning.record_cache import dataset_of
from tasks.planning.stored_work import read_stored_work


def plan_file_or_job(
    settings: Settings,
    file_or_job: str,
    customer: str,
    *,
    as_json: bool,
    reader: PipedProcess | None = None,
    **options: Any,
) -> int:
    """Print what a file or a job would take. Raises ChorusError, for a file as `score` does.

    A file is read as `score` reads it, and nothing is stored. Returns the exit status: 1 if no row
    would be labelled.
    """
    interrupt_on_sigterm()  # so that no copy of the upload is left behind
    place: Place = open_place(settings.home)
    if _is_job(place, file_or_job):
        check_configuration(place)
        job = find_job(place, file_or_job)
        jobs = [(job, dataset_of(place, job))]
    else:
        place = DryRunPlace(place, is_read_again=lambda path: not is_chunk(path))
        request = UploadRequest(file=file_or_job, customer=customer, as_json=as_json, **options)
        jobs = prepare_jobs(settings, place, request, read_out(settings, request.out), reader)
        for job, _ in jobs:
            check_output_free(job)
    plans = []
    for job, dataset in jobs:
        feedback = PlannedFeedback(dataset, reject_examples(place, dataset))
        plans.append(PlannedWork(_forecast(settings, place, [(job, dataset)]), job.id, feedback))
    _print(plans, as_json)
    return 0 if all(dataset.rows for _, dataset in jobs) else 1


def plan_reprocess(
    settings: Settings, customers: Sequence[str], since: datetime | None, *, as_json: bool
) -> None:
    """Print what `chorus reprocess` would take for these customers, none named: all.

    Raises ChorusError.
    """
    place, now = open_place(settings.home), datetime.now(UTC)
    check_configuration(place)
    jobs: list[tuple[Job, Dataset]] = []
    for customer in dict.fromkeys(customers or all_customers(place)):
        run = build_run(place, customer, name="plan", since=since, now=now)
        if run is not None:
            jobs += [(job, dataset_of(place, job)) for job in build_jobs_of(place, run)]
    if not jobs:
        raise NothingStored(customers, all_customers(place))
    _print([PlannedWork(_forecast(settings, place, jobs))], as_json)


def _is_job(place: Place, name: str) -> bool:
    """Return whether a job has this name; a file of the name goes before it."""
    return is_name(name) and not Path(name).exists() and name in place.names("jobs")


def _forecast(settings: Settings, place: Place, jobs: Sequence[tuple[Job, Dataset]]) -> JobForecast:
    """Return the forecast by the board of a service, if one is reachable."""
    board = board_of_service(settings, place)
    works = read_stored_work(place, jobs, partial_sources=True)
    try:
        return forecast_jobs(settings, place, board, works)
    except RedisError:
        return forecast_jobs(settings, place, None, works)


def _print(plans: Sequence[PlannedWork], as_json: bool) -> None:
    """Print the plan of each job; as JSON the object of the only one, or a list in an object."""
    if as_json:
        objects = [plan_as_object(plan) for plan in plans]
        print_json(objects[0] if len(objects) == 1 else {"status": "planned", "jobs": objects})
        return
    for plan in plans:
        print_plan(plan)

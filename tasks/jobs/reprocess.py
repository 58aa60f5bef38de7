"""Reprocess: label stored feedback again with today's champions, one job for each dataset.

The labels of all jobs become active together. Nothing is computed twice: a job under the same
versions is the same job, and existing scores are used.
"""

import logging
from datetime import UTC, datetime

from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.record import BadRecord
from storage.records import jobs
from storage.records.feedback import Dataset, datasets
from storage.records.job_state import checked_state, recorded_state
from storage.records.jobs import Job, job_id
from storage.records.runs import Run, RunEnd, RunJob, create_run, end_run
from storage.versions.active_labels import ActiveLabels, read_active_labels
from tasks.board.context import Context
from tasks.jobs.activate_labels import end_run_if_complete, is_superseded, stopped_since
from tasks.jobs.submit import (
    ResolvedVersions,
    build_job,
    create_job,
    resolve_versions,
    start_job,
)
from tasks.planning.record_cache import dataset_named

log = logging.getLogger(__name__)


def start_run(
    context: Context,
    customer: str,
    *,
    name: str,
    since: datetime | None = None,
    until: datetime | None = None,
    keep: int = 1,
    now: datetime,
) -> Run | None:
    """Start a run, or continue the one of this name; None if there is no feedback to label.

    Raises NotPublished, Mismatch, BadRecord, BadName, CannotWrite, BrokerUnreachable, RedisError.
    """
    built = build_run(
        context.place, customer, name=name, since=since, until=until, keep=keep, now=now
    )
    if built is None:
        return None
    run = create_run(context.place, built)
    continue_run(context, run)
    return run


def build_run(
    place: Place,
    customer: str,
    *,
    name: str,
    since: datetime | None = None,
    until: datetime | None = None,
    keep: int = 1,
    now: datetime,
) -> Run | None:
    """Return the run as it would be now; write nothing.

    Raises NotPublished, Mismatch, BadRecord, BadName.
    """
    selected = [
        dataset for dataset in datasets(place, customer) if _is_within(dataset, since, until)
    ]
    if not selected:
        return None
    versions, labels = resolve_versions(place, customer), read_active_labels(place, customer)
    run_jobs = list(
        map_concurrently(
            place, lambda dataset: _build_run_job(place, dataset, versions, labels), selected
        )
    )
    are_done = map_concurrently(
        place, lambda run_job: recorded_state(place, run_job.job).is_done, run_jobs
    )
    done = {run_job.job for run_job, is_done in zip(run_jobs, are_done, strict=True) if is_done}
    return Run(
        customer=customer,
        name=name,
        ensemble=versions.ensemble,
        models=versions.models,
        jobs=tuple(sorted(run_jobs, key=lambda run_job: run_job.job not in done)),
        keep=keep,
        started_at=now,
        since=since,
        until=until,
    )


def continue_run(context: Context, run: Run) -> None:
    """Start each job of the run that is not done, running, or stopped since the run began.

    It may be called any number of times. A run that is superseded ends instead. Raises
    OutputTaken, CannotWrite, BrokerUnreachable, RedisError.
    """
    if is_superseded(context.place, run):
        end_run(context.place, run, RunEnd(status="superseded", at=datetime.now(UTC)))
        return
    running = context.board.running()

    def needs_start(job: Job) -> bool:
        state = checked_state(context.place, job)
        is_running = state.is_open and job.id in running
        is_stopped = state.end is not None and stopped_since(run, state.end)
        return not (is_running or state.is_done or is_stopped)

    run_jobs = store_jobs_of(context.place, run)
    needed = map_concurrently(context.place, needs_start, run_jobs)
    for job, is_needed in zip(run_jobs, needed, strict=True):
        if is_needed:
            start_job(context, job)
    end_run_if_complete(context.place, run)


def store_jobs_of(place: Place, run: Run) -> list[Job]:
    """Store the jobs of the run that are not stored, and return the readable ones.

    Raises OutputTaken, CannotWrite.
    """

    def store(job: Job) -> Job | None:
        try:
            return create_job(place, job)
        except BadRecord as error:
            log.warning(
                "the job cannot be read, and is skipped: %s",
                error,
                extra={"job": job.id, "run": run.name},
            )
            return None

    stored = map_concurrently(place, store, build_jobs_of(place, run))
    return [job for job in stored if job is not None]


def build_jobs_of(place: Place, run: Run) -> list[Job]:
    """Return the jobs of the run; write nothing. Raises Absent, BadRecord."""

    def build(run_job: RunJob) -> Job:
        return build_job(
            place,
            dataset_named(place, run.customer, run_job.dataset),
            ResolvedVersions(run.ensemble, run.models),
            out=None,
            keep_text=run_job.keep_text,
            keep_columns=run_job.keep_columns,
            priority="nightly",
            requested_at=run.started_at,
        )

    return list(map_concurrently(place, build, run.jobs))


def _is_within(dataset: Dataset, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or dataset.uploaded_at >= since) and (
        until is None or dataset.uploaded_at < until
    )


def _build_run_job(
    place: Place, dataset: Dataset, versions: ResolvedVersions, labels: ActiveLabels
) -> RunJob:
    """Return the job for a dataset, with the columns that its labels have now."""
    # the columns of labelled messages, and those of uploads by default
    keep_text, keep_columns = True, dataset.first is not None
    if dataset.id in labels.datasets:
        try:
            before = jobs.read_job(place, labels.datasets[dataset.id].job)
        except Absent:
            pass
        else:
            keep_text, keep_columns = before.keep_text, before.keep_columns
    identity = job_id(
        dataset.customer,
        dataset.id,
        versions.ensemble,
        versions.models,
        None,
        keep_text,
        keep_columns,
    )
    return RunJob(dataset=dataset.id, job=identity, keep_text=keep_text, keep_columns=keep_columns)

"""`chorus cancel` and `chorus resume`; and the one way to find a job by its id."""

from collections.abc import Sequence
from datetime import UTC, datetime

from chorus.common.settings import Settings
from chorus.service.job_forecast import read_with_forecast, store_forecast
from chorus.service.run_job import broker_for, context_for, service_broker
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Absent, Place
from storage.records import jobs
from storage.records.jobs import Ended, Job
from storage.records.runs import Run, RunEnded, end_run, open_runs
from tasks.jobs.activate_labels import settle_runs_of
from tasks.jobs.submit import start, stop, write_job
from tasks.planning.record_cache import dataset_of


class NoSuchJob(BadRequest):
    def __init__(self, job: str, there: list[str]) -> None:
        self.job, self.there = job, there
        super().__init__(f"There is no job {job}. Jobs of this root: {', '.join(there) or 'none'}.")


class NoSuchRun(BadRequest):
    def __init__(self, run: str, there: list[str]) -> None:
        self.run, self.there = run, there
        super().__init__(
            f"No run {run} goes on. Runs of this customer that do: {', '.join(there) or 'none'}."
        )


class JobEnded(BadRequest):
    """It cannot be cancelled any more."""

    def __init__(self, job: str, status: str) -> None:
        self.job, self.status = job, status
        super().__init__(f"Job {job} has ended already: {status}.")


class NobodyToGoOn(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "No service runs on this machine, and CHORUS_BROKER_URL is not set. Start one with `chorus up`, or run the "
            "`chorus score` command of this job again, which goes on by itself."
        )


def find_job(place: Place, job: str) -> Job:
    """Raises NoSuchJob, BadName."""
    try:
        return jobs.read_job(place, job)
    except Absent:
        raise NoSuchJob(job, [found.id for found in jobs.all_jobs(place)]) from None


def cancel(settings: Settings, name: str) -> None:
    """Stop a job, or all of a run (customer/run), in storage and on the board of a service if there
    is one.

    Raises NoSuchJob, NoSuchRun, JobEnded.
    """
    place = open_place(settings.home)
    if "/" in name:
        _cancel_run(settings, place, find_open_run(place, name))
        return
    job = find_job(place, name)
    before = jobs.ended(place, job.id)
    if before is not None and before.status in ("done", "removed"):
        raise JobEnded(job.id, before.status)
    _stop(settings, place, [job])


def _stop(settings: Settings, place: Place, found: Sequence[Job]) -> None:
    if service_broker(settings) is None:
        for job in found:
            jobs.end_job(place, job.id, Ended(status="cancelled", at=datetime.now(UTC)))
            settle_runs_of(place, job)
        return
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        for job in found:
            stop(context, job, "cancelled")


def _cancel_run(settings: Settings, place: Place, run: Run) -> None:
    """Its jobs that go on, and the run itself, of which some jobs may not have been written."""
    written = [each.job for each in run.jobs if place.exists(jobs.job_path(each.job))]
    _stop(
        settings,
        place,
        [jobs.read_job(place, job) for job in written if jobs.ended(place, job) is None],
    )
    end_run(place, run, RunEnded(status="failed", error="It was cancelled.", at=datetime.now(UTC)))


def find_open_run(place: Place, name: str) -> Run:
    """The run `customer/run` that goes on. Raises NoSuchRun, BadName."""
    customer, _, run = name.partition("/")
    there = open_runs(place, customer)
    for one in there:
        if one.name == run:
            return one
    raise NoSuchRun(name, [f"{one.customer}/{one.name}" for one in there])


def resume(settings: Settings, name: str) -> None:
    """Hand a job to the service again. Raises NoSuchJob, NobodyToGoOn, OutputTaken."""
    job = find_job(open_place(settings.home), name)
    if service_broker(settings) is None:
        raise NobodyToGoOn
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        write_job(context.place, job)  # its output may have been pruned, and be another's now
        stored = read_with_forecast(context.place, job, dataset_of(context.place, job))
        store_forecast(settings, context, stored)
        start(context, job, stored)

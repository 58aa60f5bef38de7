"""`chorus cancel` and `chorus resume`; and the one way to find a job by its id."""

from datetime import UTC, datetime

from chorus.ahead import remember
from chorus.local import broker_for, context_for, service_broker
from chorus.settings import Settings
from storage import jobs
from storage.errors import BadRequest
from storage.jobs import Ended, Job
from storage.place import Absent, Place, place_at
from tasks.labels import settle_runs_of
from tasks.submit import start, stop, write_job


class NoSuchJob(BadRequest):
    def __init__(self, job: str, there: list[str]) -> None:
        self.job, self.there = job, there
        super().__init__(f"There is no job {job}. Jobs of this root: {', '.join(there) or 'none'}.")


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
    """Stop a job, in storage and on the board of a service if there is one. Raises NoSuchJob, JobEnded."""
    place = place_at(settings.home)
    job = find_job(place, name)
    before = jobs.ended(place, job.id)
    if before is not None and before.status in ("done", "removed"):
        raise JobEnded(job.id, before.status)
    if service_broker(settings) is None:
        jobs.end_job(place, job.id, Ended(status="cancelled", at=datetime.now(UTC)))
        settle_runs_of(place, job)
        return
    with broker_for(settings) as broker:
        stop(context_for(settings, broker.address), job, "cancelled")


def resume(settings: Settings, name: str) -> None:
    """Hand a job to the service again. Raises NoSuchJob, NobodyToGoOn, OutputTaken."""
    job = find_job(place_at(settings.home), name)
    if service_broker(settings) is None:
        raise NobodyToGoOn
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        write_job(context.place, job)  # its output may have been pruned, and be another's now
        remember(settings, context, job)
        start(context, job)

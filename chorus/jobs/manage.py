"""`chorus cancel` and `chorus resume`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from chorus.common.settings import Settings
from chorus.jobs.lookup import find_job, find_open_run
from chorus.service.connection import broker_for, context_for, service_broker
from chorus.service.job_forecast import read_work_to_start, store_forecast
from storage.errors import BadRequest
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records import jobs
from storage.records.job_state import recorded_state
from storage.records.jobs import Job, JobEnd
from storage.records.runs import Run, RunEnd, end_run
from tasks.jobs.activate_labels import end_complete_runs_of
from tasks.jobs.submit import create_job, start_job, stop_job
from tasks.planning.record_cache import dataset_of


class JobEnded(BadRequest):
    """A job that has ended cannot be cancelled."""

    def __init__(self, job: str, status: str) -> None:
        self.job, self.status = job, status
        super().__init__(f"Job {job} has ended already: {status}. Nothing was cancelled.")


class NoServiceToResume(BadRequest):
    """No service runs that could resume a job."""

    def __init__(self) -> None:
        super().__init__(
            "No service runs on this machine, and CHORUS_BROKER_URL is not set. Start a service "
            "with `chorus up`, or run the `chorus score` command of this job again, which resumes "
            "it."
        )


def cancel(settings: Settings, name: str) -> None:
    """Stop a job, or all jobs of a run (customer/run), in storage and on the board of a service if
    one runs.

    Raises NoSuchJob, NoSuchRun, JobEnded.
    """
    place = open_place(settings.home)
    if "/" in name:
        _cancel_run(settings, place, find_open_run(place, name))
        return
    job = find_job(place, name)
    end = recorded_state(place, job.id).end
    if end is not None and end.status in ("done", "removed"):
        raise JobEnded(job.id, end.status)
    _cancel_jobs(settings, place, [job])


def _cancel_run(settings: Settings, place: Place, run: Run) -> None:
    """Stop the open jobs of a run, of which some may not have been written, and end the run."""
    written = [each.job for each in run.jobs if place.exists(jobs.job_path(each.job))]
    open_jobs = [job for job in written if recorded_state(place, job).is_open]
    _cancel_jobs(settings, place, [jobs.read_job(place, job) for job in open_jobs])
    end_run(place, run, RunEnd(status="failed", error="It was cancelled.", at=datetime.now(UTC)))


def _cancel_jobs(settings: Settings, place: Place, cancelled: Sequence[Job]) -> None:
    if service_broker(settings) is None:
        for job in cancelled:
            jobs.write_end(place, job.id, JobEnd(status="cancelled", at=datetime.now(UTC)))
            end_complete_runs_of(place, job)
        return
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        for job in cancelled:
            stop_job(context, job, "cancelled")


def resume(settings: Settings, name: str) -> None:
    """Hand a job to the service again. Raises NoSuchJob, NoServiceToResume, OutputTaken."""
    job = find_job(open_place(settings.home), name)
    if service_broker(settings) is None:
        raise NoServiceToResume
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        create_job(context.place, job)  # its output may have been pruned, and be another job's now
        stored = read_work_to_start(context.place, job, dataset_of(context.place, job))
        store_forecast(settings, context, stored)
        start_job(context, job, stored)

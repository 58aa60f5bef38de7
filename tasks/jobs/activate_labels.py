"""Activate labels when a job is labelled: its own at once, or those of its run with the last job.

This happens before the job's end is recorded, so that after a crash in between the job is finished
again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from storage.errors import ChorusError
from storage.places.place import Absent, Place
from storage.records import jobs, labelled_output
from storage.records.feedback import datasets
from storage.records.job_state import labelled_state
from storage.records.jobs import Job, JobEnd, first_job_id
from storage.records.runs import Run, RunEnd, RunJob, end_run, open_runs
from storage.versions.active_labels import ActiveLabel, read_active_labels, set_active_labels
from tasks.planning.record_cache import dataset_of


def activate_labels(place: Place, job: Job, requested_at: datetime) -> None:
    """Make the labels of a job active, and end the runs that waited for it alone.

    Labels written to `--out` are never active. The first labels of a batch of messages are active
    without an entry in the pointer, until others are requested: there may be millions of batches.
    `requested_at`: when the job was requested last, so that of two jobs over one dataset the later
    request wins. Raises BadRecord, CannotWrite.
    """
    runs = _open_runs_with(place, job)
    for run in runs:
        end_run_if_complete(place, run, done_job=job.id)
    if not has_default_output(place, job) or job.id == first_job_id(dataset_of(place, job)):
        return
    if runs and job.dataset in read_active_labels(place, job.customer).datasets:
        return
    set_active_labels(place, job.customer, {job.dataset: ActiveLabel(job=job.id, at=requested_at)})


def active_jobs(place: Place, customer: str) -> dict[str, str]:
    """Return dataset → the job whose labels are active. Raises BadRecord, BadName."""
    by_pointer = {
        dataset: label.job
        for dataset, label in read_active_labels(place, customer).datasets.items()
    }
    first = {
        dataset.id: first_job_id(dataset)
        for dataset in datasets(place, customer)
        if dataset.id not in by_pointer
    }
    return by_pointer | {
        dataset: job
        for dataset, job in first.items()
        if job is not None and labelled_state(place, job).is_labelled
    }


def end_complete_runs_of(place: Place, job: Job) -> None:
    """End every run that waited for this job alone. Raises BadRecord, CannotWrite."""
    for run in _open_runs_with(place, job):
        end_run_if_complete(place, run)


def end_run_if_complete(place: Place, run: Run, done_job: str | None = None) -> None:
    """End the run if none of its jobs is open; activate its labels if all are done.

    `done_job`: a job that is done, though its end is not recorded yet. The jobs are read from the
    last to the first, because they end in about their order: of an open run, mostly one is read.
    Raises BadRecord, CannotWrite.
    """
    stopped = []
    for run_job, end in _job_ends(place, run, done_job):
        if end is None:
            return
        if end != "done":
            stopped.append(f"{run_job.job} ({end})")
    now = datetime.now(UTC)
    if stopped:
        end_run(place, run, RunEnd(status="failed", error=_error_of_run(stopped, run), at=now))
        return
    labels = {one.dataset: ActiveLabel(job=one.job, at=run.started_at) for one in run.jobs}
    set_active_labels(place, run.customer, labels, run.name, run.keep)
    end_run(place, run, RunEnd(status="done", at=now))


def is_superseded(place: Place, run: Run) -> bool:
    """Return whether later labels are active for all datasets of the run."""
    active = read_active_labels(place, run.customer).datasets
    return all(
        one.dataset in active and active[one.dataset].at > run.started_at for one in run.jobs
    )


def stopped_since(run: Run, end: JobEnd) -> bool:
    """Return whether the job was stopped after the run began; the run starts earlier ones again."""
    return end.status not in ("done", "removed") and end.at is not None and end.at >= run.started_at


def has_default_output(place: Place, job: Job) -> bool:
    """Return whether the job's labels are in the customer's default folder."""
    return job.out == place.url_of(labelled_output.default_folder(job.customer, job.id))


def _open_runs_with(place: Place, job: Job) -> list[Run]:
    """Return the customer's open runs that have the job."""
    return [
        run
        for run in open_runs(place, job.customer)
        if any(run_job.job == job.id for run_job in run.jobs)
    ]


def _error_of_run(stopped: list[str], run: Run) -> str:
    """Return the error of a run with these stopped jobs."""
    named = ", ".join(stopped[:3]) + (f" and {len(stopped) - 3} more" if stopped[3:] else "")
    return (
        f"{len(stopped)} of {len(run.jobs)} jobs were not done: {named}. "
        "See `chorus status JOB`; then run it again."
    )


def _job_ends(place: Place, run: Run, done_job: str | None) -> Iterator[tuple[RunJob, str | None]]:
    """Yield each job of the run with its end; None while it is open, or still to be started."""
    for run_job in reversed(run.jobs):
        state = labelled_state(place, run_job.job)
        if run_job.job == done_job or state.is_labelled:
            yield run_job, "done"
        elif state.end is not None and stopped_since(run, state.end):
            yield run_job, state.end.status
        else:
            yield run_job, "unreadable" if _is_damaged(place, run_job.job) else None


def _is_damaged(place: Place, job: str) -> bool:
    """Return whether the job's record exists and cannot be read."""
    try:
        jobs.read_job(place, job)
    except Absent:
        return False  # it is about to be written
    except ChorusError:
        return True
    return False

"""Which labels count, now that a job has ended: its own at once, or those of its whole run when the last job is done.

Done before the job's own end is written down, so that whoever dies in between leaves a job that is finished again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from storage import jobs, labelled
from storage.current import Label, point
from storage.jobs import Job
from storage.place import Place
from storage.runs import Run, RunEnded, end_run, open_runs


def job_done(place: Place, job: Job, asked: datetime) -> None:
    """The job has all of its labels. Those that went to a place of their own count for nobody but who asked.

    `asked`: when the job was asked for last, so that of two jobs over one dataset the one that ends last need not win.
    """
    mine = [run for run in open_runs(place, job.customer) if any(each.job == job.id for each in run.jobs)]
    for run in mine:
        settle(place, run, done=job.id)
    if not mine and is_default(place, job):
        point(place, job.customer, {job.dataset: Label(job=job.id, at=asked)})


def job_stopped(place: Place, job: Job) -> None:
    """The job goes on no more, and a run that has no other to wait for goes on no more either."""
    for run in open_runs(place, job.customer):
        if any(each.job == job.id for each in run.jobs):
            settle(place, run)


def settle(place: Place, run: Run, done: str | None = None) -> None:
    """End the run if none of its jobs goes on; if all are done, from now on their labels count.

    `done`: a job that is, though its end is not written down yet. The jobs are asked from the last to the first, since
    they end in about their order: of a run that goes on it takes one look.
    """
    failed = []
    for each, end in _ends(place, run, done):
        if end is None:
            return
        if end != "done":
            failed.append(f"{each} ({end})")
    now = datetime.now(UTC)
    if failed:
        few = ", ".join(failed[:3]) + (f" and {len(failed) - 3} more" if len(failed) > 3 else "")
        error = (
            f"{len(failed)} of {len(run.jobs)} jobs were not done: {few}. See `chorus status JOB`; then run it again."
        )
        end_run(place, run, RunEnded(status="failed", error=error, at=now))
        return
    labels = {each.dataset: Label(job=each.job, at=run.started_at) for each in run.jobs}
    point(place, run.customer, labels, run.name, run.keep)
    end_run(place, run, RunEnded(status="done", at=now))


def is_default(place: Place, job: Job) -> bool:
    """Whether its labels lie where those of the customer lie."""
    return job.out == place.at(labelled.default_folder(job.customer, job.id))


def _ends(place: Place, run: Run, done: str | None) -> Iterator[tuple[str, str | None]]:
    """Each job, and how it ended; None while it goes on."""
    for each in reversed(run.jobs):
        if each.job == done:
            yield each.job, "done"
        else:
            end = jobs.ended(place, each.job)
            yield each.job, end.status if end is not None else None

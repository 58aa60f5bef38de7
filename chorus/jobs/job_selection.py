"""Which jobs `chorus status` shows: those that run and the latest, of a customer, in a state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.places.place import Place
from storage.records.jobs import Job, JobEnd, jobs_with_ends

LATEST = 20  # jobs that have ended are shown, unless all are asked for

Summary = Mapping[str, Any]  # an object of JSON


@dataclass(frozen=True)
class JobSelection:
    """Conditions for jobs to be shown; one that is empty or None allows every job."""

    customers: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    since: datetime | None = None  # when it was submitted
    all: bool = False  # however many there are

    def may_select(self, job: Job, end: JobEnd | None) -> bool:
        """Return whether the job may be selected, by its record and its end alone."""
        return (
            (not self.customers or job.customer in self.customers)
            and (self.since is None or job.submitted_at >= self.since)
            and (not self.states or end is None or bool(_states_after(end) & {*self.states}))
        )


def select_jobs(
    place: Place, selection: JobSelection, summarize: Callable[[Job], Summary]
) -> tuple[list[Summary], int]:
    """Return the summaries of the jobs to show, the oldest first, and how many others there are.

    Open jobs are always shown. `summarize` reads a job's state, and is called for few more jobs
    than are shown.
    """
    shown: list[Summary] = []
    ended = hidden = 0
    for job, end in reversed(jobs_with_ends(place)):
        if not selection.may_select(job, end):
            continue
        if end is not None and ended == LATEST and not selection.all:
            # by its end: whether its labels are still there is not read
            hidden += not selection.states or end.status in selection.states
            continue
        summary = summarize(job)
        if not selection.states or summary["status"] in selection.states:
            shown.append(summary)
            ended += end is not None
    return shown[::-1], hidden


def _states_after(end: JobEnd) -> set[str]:
    """Return the states that a job with this end may have.

    One that ended as done and whose labels are gone is not done.
    """
    return {"unreadable", end.status, *(["incomplete"] if end.status == "done" else [])}

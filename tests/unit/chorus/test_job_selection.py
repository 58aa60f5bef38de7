"""Which jobs `chorus status` shows, of a root with many."""

from datetime import UTC, datetime, timedelta

import pytest

from chorus.jobs.job_selection import LATEST, JobSelection, select_jobs
from storage.records.jobs import Job, JobEnd, job_path, write_end
from storage.records.labelled_output import EnsembleVersion

START = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = 30  # every third failed, every fifth of them of acme


@pytest.fixture
def jobs(place):
    """Write two open jobs, the oldest of all, and then those that have ended."""
    ends = [None, None, *("failed" if at % 3 == 0 else "done" for at in range(ENDED))]
    for number, end in enumerate(ends):
        job = Job(
            id=f"job-{number:02}",
            customer="acme" if number % 5 == 0 else "beta",
            dataset="data",
            ensemble=EnsembleVersion(name="default", version=1),
            models=(),
            out="/out",
            keep_text=True,
            keep_columns=False,
            submitted_at=START + timedelta(hours=number),
        )
        place.create(job_path(job.id), job.encode())
        if end:
            write_end(place, job.id, JobEnd(status=end))
    return {f"job-{number:02}": end or "running" for number, end in enumerate(ends)}


@pytest.fixture
def select(place, jobs):
    """Return ids of the shown jobs, how many are not shown, and how many states are read."""

    def select(**wanted):
        read = []

        def summarize(job):
            read.append(job.id)
            return {"job": job.id, "status": jobs[job.id]}

        shown, hidden = select_jobs(place, JobSelection(**wanted), summarize)
        return [summary["job"] for summary in shown], hidden, len(read)

    return select


def test_what_runs_and_the_latest_twenty_are_shown(select, jobs):
    shown, hidden, read = select()
    assert shown == [*list(jobs)[:2], *list(jobs)[-LATEST:]]
    assert (hidden, read) == (ENDED - LATEST, LATEST + 2)


def test_all_are_shown_when_asked_for(select, jobs):
    assert select(all=True) == (list(jobs), 0, len(jobs))


def test_jobs_of_a_customer_a_state_and_a_time_are_selected(select, jobs):
    failed = [job for job, status in jobs.items() if status == "failed"]
    shown, hidden, _ = select(states=("failed",))
    assert (shown, hidden) == (failed, 0)
    assert select(states=("running",))[0] == ["job-00", "job-01"]
    assert select(states=("failed", "running"))[0] == ["job-00", "job-01", *failed]
    assert select(customers=("acme",))[0] == [f"job-{at:02}" for at in range(0, ENDED + 2, 5)]
    assert select(since=START + timedelta(hours=29))[:2] == (["job-29", "job-30", "job-31"], 0)


def test_jobs_of_a_state_that_are_not_shown_are_counted(place, select, jobs):
    for number in range(2, ENDED + 2):
        write_end(place, f"job-{number:02}", JobEnd(status="failed"))
        jobs[f"job-{number:02}"] = "failed"
    shown, hidden, read = select(states=("failed",))
    assert (len(shown), hidden) == (LATEST, ENDED - LATEST)
    assert read == LATEST + 2, "and the open ones, which may have failed"

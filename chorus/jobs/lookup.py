"""Jobs and runs by the names that people give them: JOB, or CUSTOMER/RUN."""

from collections.abc import Sequence

from storage.errors import BadRequest
from storage.name_list import list_names
from storage.places.place import Absent, Place
from storage.records import jobs
from storage.records.jobs import Job
from storage.records.runs import Run, open_runs, read_run, run_names


class NoSuchJob(BadRequest):
    """No job of the root has this id."""

    def __init__(self, job: str, job_ids: Sequence[str]) -> None:
        self.job, self.job_ids = job, job_ids
        super().__init__(
            f"There is no job {job}. Jobs of this root: {list_names(job_ids, job)}. "
            "`chorus status` shows the latest."
        )


class NoSuchRun(BadRequest):
    """A customer has no run of this name, or none that is open."""

    def __init__(self, customer: str, run: str, runs: Sequence[str], kind: str = "run") -> None:
        self.customer, self.run, self.runs = customer, run, runs
        super().__init__(
            f"There is no {kind} {run} of {customer}. Its {kind}s: {list_names(runs, run)}."
        )


def find_job(place: Place, job: str) -> Job:
    """Return the job of this id. Raises NoSuchJob, BadName."""
    try:
        return jobs.read_job(place, job)
    except Absent:
        raise NoSuchJob(job, place.names("jobs")) from None


def find_run(place: Place, name: str) -> Run:
    """Return the run `customer/run`. Raises NoSuchRun, BadName, BadRecord."""
    customer, _, run = name.partition("/")
    try:
        return read_run(place, customer, run)
    except Absent:
        raise NoSuchRun(customer, run, run_names(place, customer)) from None


def find_open_run(place: Place, name: str) -> Run:
    """Return the run `customer/run`, which has not ended. Raises NoSuchRun, BadName."""
    customer, _, run_name = name.partition("/")
    open_ones = open_runs(place, customer)
    for run in open_ones:
        if run.name == run_name:
            return run
    raise NoSuchRun(customer, run_name, [run.name for run in open_ones], "open run")

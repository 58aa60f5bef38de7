"""The runs that `chorus reprocess` would start, and the work that remains of each."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from storage.errors import BadRequest, ChorusError
from storage.name_list import list_names
from storage.names import check_name
from storage.places.place import Place
from storage.records.feedback import customers as all_customers
from storage.records.job_state import checked_state
from storage.records.jobs import Job
from storage.records.runs import Run
from tasks.jobs.reprocess import build_jobs_of, build_run
from tasks.planning.record_cache import dataset_of
from tasks.planning.remaining_work import RemainingWork, remaining_work
from tasks.planning.stored_work import StoredWork, read_stored_work


@dataclass(frozen=True)
class ReprocessRequest:
    """The arguments of the command, as they came."""

    customers: tuple[str, ...]  # none: all
    since: datetime | None
    until: datetime | None
    keep: int
    detach: bool
    as_json: bool


class NothingStored(BadRequest):
    """There is no feedback to label again."""

    def __init__(self, customers: Sequence[str], with_feedback: Sequence[str]) -> None:
        self.customers, self.with_feedback = customers, with_feedback
        super().__init__(
            f"No feedback of {', '.join(customers) or 'any customer'} is stored in that time. "
            f"Customers with feedback: {list_names(with_feedback, ''.join(customers[:1]))}. "
            "`chorus score` or `chorus submit` stores what it labels."
        )


@dataclass(frozen=True)
class RunWork:
    """A run, its jobs, and what remained of them when it started."""

    run: Run
    jobs: Sequence[Job]
    stored: Sequence[StoredWork]  # of the jobs that are not done
    remaining: RemainingWork


def describe_runs(place: Place, request: ReprocessRequest) -> tuple[list[Run], dict[str, str]]:
    """Return a run for each customer, and customer → reason where there can be none.

    Nothing is written. Raises NothingStored, and for a customer that the request names what
    build_run raises.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"
    runs: list[Run] = []
    refused: dict[str, str] = {}
    with_feedback = all_customers(place)
    unknown = [
        check_name("customer", customer)
        for customer in request.customers
        if customer not in with_feedback
    ]
    if unknown:
        raise NothingStored(unknown, with_feedback)
    for customer in dict.fromkeys(request.customers or with_feedback):
        try:
            run = build_run(
                place,
                customer,
                name=name,
                since=request.since,
                until=request.until,
                keep=request.keep,
                now=now,
            )
        except ChorusError as error:
            if request.customers:
                raise
            refused[customer] = str(error)
        else:
            runs += [] if run is None else [run]
    if not runs and not refused:
        raise NothingStored(request.customers, with_feedback)
    return runs, refused


def read_run_work(place: Place, run: Run) -> RunWork:
    """Read what remains to be done of a run. Raises Absent, BadRecord."""
    jobs = build_jobs_of(place, run)
    open_jobs = [
        (job, dataset_of(place, job)) for job in jobs if not checked_state(place, job).is_done
    ]
    stored = read_stored_work(place, open_jobs, partial_sources=True)
    return RunWork(run, jobs, stored, remaining_work(stored))

"""`chorus reprocess`: stored feedback, labelled again with today's champions."""

import json
import secrets
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from redis.exceptions import RedisError
from rich.console import Console

from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from chorus.service.job_forecast import forecast_for
from chorus.service.run_job import end_on_sigterm, workers_for
from storage.errors import BadRequest, ChorusError
from storage.names import check_name
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.feedback import customers as all_customers
from storage.records.forecasts import Forecast
from storage.records.job_state import checked_state
from storage.records.jobs import Job
from storage.records.runs import Run, RunEnd, create_run, end_run, read_run_end
from tasks.board.context import Context
from tasks.board.job_facts import rows_in_chunks
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.activate_labels import settle
from tasks.jobs.reprocess import carry_on, describe_jobs, describe_run
from tasks.planning.forecast_correction import learn
from tasks.planning.record_cache import dataset_of
from tasks.planning.remaining_work import RemainingWork, remaining_work
from tasks.planning.stored_work import StoredWork, read_stored_work
from workers.processes.embedded_broker import Broker

_LOOK_EVERY = 0.1  # seconds between two looks at the runs
_SAY_EVERY = 5.0  # seconds between two lines for people


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

    def __init__(self, customers: Sequence[str], there: Sequence[str]) -> None:
        self.customers, self.there = customers, there
        super().__init__(
            f"No feedback of {', '.join(customers) or 'anybody'} is stored in that time. Customers with feedback: "
            f"{', '.join(there) or 'none'}. `chorus score` or `chorus submit` stores what it labels."
        )


class RunFailed(ChorusError):
    """Some labels are not complete, so those from before still count."""

    def __init__(self, run: Run, reason: str) -> None:
        self.run, self.reason = run, reason
        super().__init__(
            f"Run {run.name} of {run.customer}: {reason} The labels from before still count."
        )


@dataclass(frozen=True)
class Work:
    """A run, its jobs, and what was left of them when it began."""

    run: Run
    jobs: Sequence[Job]
    stored: Sequence[StoredWork]  # of the jobs that are not done
    remaining: RemainingWork


@dataclass(frozen=True)
class Times:
    """Seconds that the command took, and those expected of its runs; None: nothing was left to do."""

    taken: float
    expected: float | None


def reprocess(settings: Settings, asked: ReprocessRequest) -> None:
    """Begin a run for each customer, wait for all of them, print what they did. Raises ChorusError."""
    end_on_sigterm()
    if asked.detach and service_broker(settings) is None:
        raise NoService
    began, place = monotonic(), open_place(settings.home)
    runs, refused = _described(place, asked)
    found = [_work(place, run) for run in runs]
    jobs = [job for work in found for job in work.jobs]
    forecast = None
    if not any(work.stored for work in found):
        for run in runs:
            settle(place, create_run(place, run))
    else:
        with broker_for(settings) as broker:  # it is there before anything is written
            try:
                forecast = _label(settings, broker, found, jobs, asked)
            except RedisError as error:
                raise BrokerUnreachable(broker.address.shown, str(error)) from error
    _report(
        place,
        found,
        refused,
        asked,
        Times(monotonic() - began, forecast.seconds if forecast else None),
    )
    if refused:
        sys.exit(1)


def _described(place: Place, asked: ReprocessRequest) -> tuple[list[Run], dict[str, str]]:
    """The runs, of which nothing is written yet; and why there is none for some of all customers.

    Raises NothingStored, and for a customer that was named what describe_run raises.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dt%H%M%S}-{secrets.token_hex(2)}"
    runs: list[Run] = []
    refused: dict[str, str] = {}
    there = all_customers(place)
    unknown = [
        check_name("customer", customer) for customer in asked.customers if customer not in there
    ]
    if unknown:
        raise NothingStored(unknown, there)
    for customer in dict.fromkeys(asked.customers or there):
        try:
            run = describe_run(
                place,
                customer,
                name=name,
                since=asked.since,
                until=asked.until,
                keep=asked.keep,
                now=now,
            )
        except ChorusError as error:
            if asked.customers:
                raise
            refused[customer] = str(error)
        else:
            runs += [] if run is None else [run]
    if not runs and not refused:
        raise NothingStored(asked.customers, there)
    return runs, refused


def _work(place: Place, run: Run) -> Work:
    jobs = describe_jobs(place, run)
    todo = [(job, dataset_of(place, job)) for job in jobs if not checked_state(place, job).is_done]
    stored = read_stored_work(place, todo, partial_sources=True)
    return Work(run, jobs, stored, remaining_work(stored))


def _label(
    settings: Settings,
    broker: Broker,
    found: Sequence[Work],
    jobs: Sequence[Job],
    asked: ReprocessRequest,
) -> Forecast | None:
    """Until all runs have ended, unless they are only handed over; seconds that were expected of
    them, if any were.
    """
    context = context_for(settings, broker.address)
    stored = [each for work in found for each in work.stored]
    forecast, began = forecast_for(settings, context, stored), monotonic()
    runs: list[Run] = []
    try:
        for work in found:
            runs.append(create_run(context.place, work.run))
            carry_on(context, runs[-1])
    # or the next service would go on with a run of which nobody was told
    except BaseException as error:
        for run in runs:
            end_run(
                context.place,
                run,
                RunEnd(status="failed", error=f"Not begun: {error!r}", at=datetime.now(UTC)),
            )
        raise
    if asked.detach:
        return forecast
    busy = {one.model.name for work in found for one in work.remaining.models if one.cells}
    with workers_for(settings, broker, context, jobs, busy) as look:
        pause, said, console = Event(), monotonic(), Console(stderr=True)
        while not all(read_run_end(context.place, run.customer, run.name) for run in runs):
            look()
            if monotonic() - said > _SAY_EVERY:
                said = monotonic()
                console.print(_progress(context, jobs), highlight=False, soft_wrap=True)
            pause.wait(_LOOK_EVERY)
    if forecast is not None and all(checked_state(context.place, job).is_done for job in jobs):
        with suppress(ChorusError, OSError):  # no run fails of its forecast
            learn(context.place, forecast, monotonic() - began)
    return forecast


def _progress(context: Context, jobs: Sequence[Job]) -> str:
    """One line: how many rows of how many are labelled, by what the board knows."""
    done = rows = 0
    for job in jobs:
        dataset = dataset_of(context.place, job)
        rows += dataset.rows
        if checked_state(context.place, job).is_done:
            done += dataset.rows
        elif (state := context.board.progress(job.id, [])) is not None:
            done += rows_in_chunks(state.parts, dataset)
    return f"labelled {done:,} of {rows:,} rows, in {len(jobs):,} datasets"


def _report(
    place: Place,
    found: Sequence[Work],
    refused: dict[str, str],
    asked: ReprocessRequest,
    times: Times,
) -> None:
    """What the runs did. Raises RunFailed for the first that failed."""
    ends = {id(work): read_run_end(place, work.run.customer, work.run.name) for work in found}
    for work in found:
        end = ends[id(work)]
        if end is not None and end.status == "failed":
            raise RunFailed(work.run, end.error)
    rows = [
        {
            "run": work.run.name,
            "customer": work.run.customer,
            "status": end.status if (end := ends[id(work)]) else "submitted",
            "datasets": len(work.jobs),
            "rows": sum(dataset_of(place, job).rows for job in work.jobs),
            "cells_to_score": sum(one.cells for one in work.remaining.models),
        }
        for work in found
    ]
    if asked.as_json:
        status = "incomplete" if refused else "submitted" if asked.detach else "done"
        expected = None if times.expected is None else round(times.expected, 3)
        seconds = {"seconds": round(times.taken, 3), "expected_seconds": expected}
        print(json.dumps({"status": status, **seconds, "runs": rows, "refused": refused}))
        return
    if rows:
        print_table(tuple(rows[0]), [list(row.values()) for row in rows])
    for customer, reason in refused.items():
        print(f"chorus: no run for {customer}: {reason}", file=sys.stderr)

"""`chorus reprocess`: label stored feedback again with today's champions."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from redis.exceptions import RedisError

from chorus.common.configuration import check_configuration
from chorus.common.console import print_json, print_notice
from chorus.common.console_table import print_table
from chorus.common.settings import Settings
from chorus.reprocess.reprocess_runs import (
    ReprocessRequest,
    RunWork,
    describe_runs,
    read_run_work,
)
from chorus.service.connection import NoService, broker_for, context_for, service_broker
from chorus.service.job_forecast import forecast_record
from chorus.service.run_job import interrupt_on_sigterm, workers_for
from storage.errors import ChorusError
from storage.places.open_place import open_place
from storage.places.place import Place
from storage.records.forecasts import Forecast
from storage.records.job_state import checked_state
from storage.records.jobs import Job
from storage.records.runs import Run, RunEnd, create_run, end_run, read_run_end
from tasks.board.context import Context
from tasks.board.job_facts import rows_in_chunks
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.activate_labels import end_run_if_complete
from tasks.jobs.reprocess import continue_run
from tasks.planning.forecast_correction import record_actual
from tasks.planning.record_cache import dataset_of
from workers.processes.embedded_broker import BrokerHandle

_POLL_SECONDS = 0.1  # between two checks whether the runs have ended
_PROGRESS_SECONDS = 5.0  # between two lines of progress


class RunFailed(ChorusError):
    """Some labels are not complete, so the earlier labels stay active."""

    def __init__(self, run: Run, reason: str) -> None:
        self.run, self.reason = run, reason
        super().__init__(
            f"Run {run.name} of {run.customer}: {reason} The labels from before still count."
        )


@dataclass(frozen=True)
class Times:
    """Seconds that the command took, and those expected of its runs; None: nothing remained."""

    taken: float
    expected: float | None


def reprocess(settings: Settings, request: ReprocessRequest) -> None:
    """Start a run for each customer, wait for all of them, and print the results.

    Raises ChorusError.
    """
    interrupt_on_sigterm()
    if request.detach and service_broker(settings) is None:
        raise NoService
    started, place = monotonic(), open_place(settings.home)
    check_configuration(place)
    runs, refused = describe_runs(place, request)
    works = [read_run_work(place, run) for run in runs]
    forecast = None
    if not any(work.stored for work in works):
        for run in runs:
            end_run_if_complete(place, create_run(place, run))
    else:
        # Nothing is written before the broker is reachable.
        with broker_for(settings) as broker:
            try:
                forecast = _label(settings, broker, works, detach=request.detach)
            except RedisError as error:
                raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    times = Times(monotonic() - started, forecast.seconds if forecast else None)
    _report(place, works, refused, request, times)
    if refused:
        sys.exit(1)


def _label(
    settings: Settings, broker: BrokerHandle, works: Sequence[RunWork], *, detach: bool
) -> Forecast | None:
    """Start the runs and, unless detached, wait until all have ended. Return their forecast."""
    context = context_for(settings, broker.address)
    stored = [each for work in works for each in work.stored]
    forecast, started = forecast_record(settings, context, stored), monotonic()
    runs = _start_runs(context, works)
    if detach:
        return forecast
    jobs = [job for work in works for job in work.jobs]
    busy = {
        missing.model.name for work in works for missing in work.remaining.models if missing.cells
    }
    with workers_for(settings, broker, context, jobs, busy) as tick:
        pause, reported = Event(), monotonic()
        while not all(read_run_end(context.place, run.customer, run.name) for run in runs):
            tick()
            if monotonic() - reported > _PROGRESS_SECONDS:
                reported = monotonic()
                print_notice(_progress(context, jobs))
            pause.wait(_POLL_SECONDS)
    if forecast is not None and all(checked_state(context.place, job).is_done for job in jobs):
        with suppress(ChorusError, OSError):  # a run does not fail because of its forecast
            record_actual(context.place, forecast, monotonic() - started)
    return forecast


def _start_runs(context: Context, works: Sequence[RunWork]) -> list[Run]:
    """Write and start all runs, or end those already written."""
    runs: list[Run] = []
    try:
        for work in works:
            runs.append(create_run(context.place, work.run))
            continue_run(context, runs[-1])
    # or the next service would continue a run whose command has failed
    except BaseException as error:
        reason = f"Not begun: {error!r}"
        for run in runs:
            end = RunEnd(status="failed", error=reason, at=datetime.now(UTC))
            end_run(context.place, run, end)
        raise
    return runs


def _progress(context: Context, jobs: Sequence[Job]) -> str:
    """Return a line: how many rows of how many are labelled, by storage and the board."""
    labelled = rows = 0
    for job in jobs:
        dataset = dataset_of(context.place, job)
        rows += dataset.rows
        if checked_state(context.place, job).is_done:
            labelled += dataset.rows
        elif (progress := context.board.progress(job.id, [])) is not None:
            labelled += rows_in_chunks(progress.parts, dataset)
    return f"labelled {labelled:,} of {rows:,} rows, in {len(jobs):,} datasets"


def _report(
    place: Place,
    works: Sequence[RunWork],
    refused: dict[str, str],
    request: ReprocessRequest,
    times: Times,
) -> None:
    """Print the result of every run. Raises RunFailed for the first that failed."""
    ends = [read_run_end(place, work.run.customer, work.run.name) for work in works]
    for work, end in zip(works, ends, strict=True):
        if end is not None and end.status == "failed":
            raise RunFailed(work.run, end.error)
    rows = [
        {
            "run": work.run.name,
            "customer": work.run.customer,
            "status": end.status if end else "submitted",
            "datasets": len(work.jobs),
            "rows": sum(dataset_of(place, job).rows for job in work.jobs),
            "cells_to_score": sum(missing.cells for missing in work.remaining.models),
        }
        for work, end in zip(works, ends, strict=True)
    ]
    if request.as_json:
        status = "incomplete" if refused else "submitted" if request.detach else "done"
        expected = None if times.expected is None else round(times.expected, 3)
        seconds = {"seconds": round(times.taken, 3), "expected_seconds": expected}
        print_json({"status": status, **seconds, "runs": rows, "refused": refused})
        return
    if rows:
        print_table(tuple(rows[0]), [list(row.values()) for row in rows])
    for customer, reason in refused.items():
        print_notice(f"chorus: no run for {customer}: {reason}")

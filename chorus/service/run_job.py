"""Run jobs to their end: wait for the service that runs, or start one for as long as they take."""

import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event

from redis.exceptions import RedisError

from chorus.common.settings import Settings
from chorus.service.connection import broker_for, context_for
from chorus.service.job_forecast import read_work_to_start, store_forecast
from chorus.service.machine_limits import limits_for_jobs
from chorus.service.service import Service
from storage.errors import ChorusError
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records.job_state import recorded_state
from storage.records.jobs import Job
from storage.records.labelled_output import Manifest, read_manifest
from tasks.board.context import Context
from tasks.board.job_facts import Progress
from tasks.board.roster import Roster
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.submit import reactivate_if_done, start_job, stop_job
from tasks.planning.record_cache import dataset_of
from workers.processes.embedded_broker import BrokerHandle

_POLL_SECONDS = 0.1  # between two readings of the board
_UNREACHABLE_SECONDS = 30.0  # for which a broker may be unreachable
_GRACE = 5.0  # seconds that a worker gets to end; what it loses is scored again

ShowProgress = Callable[[Progress], None]


class JobFailed(ChorusError):
    """A job failed or was stopped; finished work is kept."""

    def __init__(self, job: str, reason: str) -> None:
        self.job, self.reason = job, reason
        super().__init__(
            f"{reason}\n"
            "Finished work is kept: correct this and run the same command again to continue."
        )


@dataclass(frozen=True)
class Outcome:
    """A complete job, and how many cells this run had to score for it."""

    manifest: Manifest
    cells: int


def interrupt_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: its jobs are stopped, finished work is kept."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def run_job(settings: Settings, place: Place, job: Job, show_progress: ShowProgress) -> Outcome:
    """Run the job to its end. Raises JobFailed, NoBroker, BrokerUnreachable.

    A job that is complete starts nothing. Where a service runs, its workers do the work.
    """
    manifest = read_manifest(job.output)
    if manifest is not None and reactivate_if_done(place, job):
        return Outcome(manifest, cells=0)
    stored = read_work_to_start(place, job, dataset_of(place, job))
    cells, progress = stored.plan().cells, stored.progress()
    show_progress(progress)
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        try:
            store_forecast(settings, context, stored)
            start_job(context, job, stored)
            busy = {cell.model for cell in cells}
            with workers_for(settings, broker, context, [job], busy) as tick:
                _wait(context, job, progress, show_progress, tick)
        except RedisError as error:
            raise BrokerUnreachable(broker.address.without_password, str(error)) from error
    manifest = read_manifest(job.output)
    if manifest is None:
        raise JobFailed(job.id, f"The job ended without {job.output.url}/_manifest.json.")
    return Outcome(manifest, len(cells))


@contextmanager
def workers_for(
    settings: Settings,
    broker: BrokerHandle,
    context: Context,
    jobs: Sequence[Job],
    busy: Collection[str],
) -> Iterator[Callable[[], None]]:
    """Provide workers for these jobs within the block: of the service that runs, else of its own.

    `busy`: the models that have cells to score. Yields a function to call again and again
    meanwhile. Raises NoBroker.
    """
    if Roster(context.board).machines():
        yield lambda: None
        return
    limits, budget = limits_for_jobs(context.place, settings, jobs, busy)
    models = {model.name for job in jobs for model in job.models}
    service = Service(
        settings, broker, context, limits, budget, models=models, only=[job.id for job in jobs]
    )
    try:
        yield service.tick
    except KeyboardInterrupt:
        # broker or storage may have become unreachable before
        with suppress(RedisError, StorageUnavailable):
            for job in jobs:
                if recorded_state(context.place, job.id).is_open:
                    stop_job(context, job, "interrupted")  # or the next service would continue it
        raise
    finally:
        service.stop(_GRACE)


def _wait(
    context: Context,
    job: Job,
    stored: Progress,
    show_progress: ShowProgress,
    tick: Callable[[], None],
) -> None:
    """Wait until the job is done, calling `tick` meanwhile. Raises JobFailed, RedisError."""
    pause, last, answered = Event(), stored, time.monotonic()
    while True:
        tick()
        try:
            progress = context.board.progress(job.id, job.model_names)
            answered = time.monotonic()
        except RedisError:
            if time.monotonic() - answered > _UNREACHABLE_SECONDS:
                raise
            pause.wait(_POLL_SECONDS)
            continue  # the next tick restarts an embedded broker
        if progress is not None and progress != last:
            last = progress
            if _has_caught_up(progress, stored):
                show_progress(progress)
        if progress is not None and progress.status == "done":
            return
        if progress is not None and progress.status != "running":
            raise JobFailed(job.id, progress.error or f"The job was {progress.status}.")
        pause.wait(_POLL_SECONDS)


def _has_caught_up(progress: Progress, stored: Progress) -> bool:
    """Return whether the board counts all that storage holds."""
    return progress.parts >= stored.parts and all(
        progress.scored[model] >= chunks for model, chunks in stored.scored.items()
    )

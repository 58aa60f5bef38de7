"""Jobs to their end on this machine: take part in a running service, or be one for as long as it
takes.
"""

import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event

from redis.exceptions import RedisError

from chorus.common.settings import Settings
from chorus.service.connection import broker_for, context_for
from chorus.service.job_forecast import read_with_forecast, store_forecast
from chorus.service.service import Service, limits_for_jobs
from storage.errors import ChorusError
from storage.places.place import Place
from storage.places.retry import StorageUnavailable
from storage.records.jobs import Job, read_end
from storage.records.labelled_output import Manifest, read_manifest
from tasks.board.board import Progress
from tasks.board.context import Context
from tasks.board.roster import Roster
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.submit import reactivate_if_done, start_job, stop_job
from tasks.planning.record_cache import dataset_of
from workers.processes.embedded_broker import BrokerHandle

_LOOK_EVERY = 0.1  # seconds between two looks at the board
_PATIENCE = 30.0  # seconds for which a broker may be away
_GRACE = 5.0  # seconds a worker gets to end; what it loses is scored again

ShowProgress = Callable[[Progress], None]


class JobFailed(ChorusError):
    """The job cannot go on; what is done is kept."""

    def __init__(self, job: str, reason: str) -> None:
        self.job, self.reason = job, reason
        super().__init__(
            f"{reason}\nWhat is done is kept: mend this and run the same command again to go on."
        )


@dataclass(frozen=True)
class Outcome:
    """A complete job, and how many cells this run had to score for it."""

    manifest: Manifest
    cells: int


def interrupt_on_sigterm() -> None:
    """From now on SIGTERM ends this process as Ctrl-C does: what is done is kept, and the rest is
    stopped.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def run_job(settings: Settings, place: Place, job: Job, watch: ShowProgress) -> Outcome:
    """Bring the job to its end. Raises JobFailed, NoBroker, BrokerUnreachable.

    A job that is complete starts nothing; where a service runs, that does the work.
    """
    manifest = read_manifest(job.output)
    if manifest is not None and reactivate_if_done(place, job):
        return Outcome(manifest, cells=0)
    stored = read_with_forecast(place, job, dataset_of(place, job))
    cells, progress = stored.plan().cells, stored.progress()
    watch(progress)
    with broker_for(settings) as broker:
        context = context_for(settings, broker.address)
        try:
            store_forecast(settings, context, stored)
            start_job(context, job, stored)
            with workers_for(
                settings, broker, context, [job], {cell.model for cell in cells}
            ) as look:
                _wait(context, job, progress, watch, look)
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
    """Somebody who works on these jobs for as long as the block lasts: the service where one runs,
    else one of our own.

    `busy`: the models that have something to score. Yields what has to be called again and again
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
        with suppress(RedisError, StorageUnavailable):  # either may have gone before
            for job in jobs:
                if read_end(context.place, job.id) is None:
                    stop_job(context, job, "interrupted")  # or the next service would go on with it
        raise
    finally:
        service.stop(_GRACE)


def _wait(
    context: Context, job: Job, stored: Progress, watch: ShowProgress, look: Callable[[], None]
) -> None:
    """Until the board says done, calling `look` again and again. Raises JobFailed when it says
    failed.
    """
    models = [model.name for model in job.models]
    pause, last, heard = Event(), stored, time.monotonic()
    while True:
        look()
        try:
            progress = context.board.progress(job.id, models)
            heard = time.monotonic()
        except RedisError:
            if time.monotonic() - heard > _PATIENCE:
                raise
            pause.wait(_LOOK_EVERY)
            continue  # a broker of our own is started again with the next look
        if progress is not None and progress != last:
            last = progress
            if _caught_up(progress, stored):
                watch(progress)
        if progress is not None and progress.status == "done":
            return
        if progress is not None and progress.status != "running":
            raise JobFailed(job.id, progress.error or f"The job was {progress.status}.")
        pause.wait(_LOOK_EVERY)


def _caught_up(progress: Progress, stored: Progress) -> bool:
    """Whether the board has heard of all that storage holds."""
    return progress.parts >= stored.parts and all(
        progress.scored[model] >= chunks for model, chunks in stored.scored.items()
    )

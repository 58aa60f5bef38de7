"""The scoring worker: one model and its queue."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from time import time

from celery import Celery
from redis.exceptions import RedisError

from models.guards.peak_memory import peak_memory
from models.interface.compute import Compute
from storage.errors import ChorusError
from tasks.board.context import Context
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.board.worker_profile import read_profile
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.step_messages import ScoreCell, scoring_queue
from tasks.planning.dispatch import (
    CELLS_PER_WORKER,
    cells_per_worker,
    dispatch,
    set_cells_per_worker,
)
from tasks.steps.score import score
from workers.runtime.celery_worker import consume_queue
from workers.runtime.run_step import run_step
from workers.runtime.watchdog import Watchdog
from workers.scoring.model_cache import ModelCache
from workers.scoring.profiler import Profiler

# Seconds that a cell may spend on reading and writing if storage takes its time.
_STORAGE_SECONDS = 0.5


def register(app: Celery, context: Context, cache: ModelCache) -> None:
    """Register the scoring step."""

    @app.task(name=ScoreCell.name)
    def _score(job: str, chunk: str, model: str, version: int) -> None:
        run_step(context, partial(score, context, cache), ScoreCell(job, chunk, model, version))


def run_scoring_worker(
    app: Celery,
    context: Context,
    session: WorkerSession,
    compute: Compute,
    folder: Path,
    initializer: Callable[[], None],
    chunk_rows: int,
) -> int:
    """Consume one model's queue until told to stop; return the exit status.

    `folder` is CHORUS_RUN; `initializer` is called first in a process that isolates a failing
    chunk; `chunk_rows`: rows of most chunks.
    """
    profiler = Profiler(context.place, context.board, session)
    cache = ModelCache(context.place, compute, initializer, profiler)
    register(app, replace(context, session=session), cache)
    session.start_heartbeat(Watchdog(context.board, session, folder))
    # The model is loaded while Celery connects.
    Thread(target=warm_up, args=(context, cache, session), name="warm-up").start()
    try:
        # One chunk is computed while others are prepared or written; and a short one beside them.
        threads = 1 + update_cells_per_worker(context, session.worker, chunk_rows)
        queue = scoring_queue(session.worker.model)
        return consume_queue(app, queue, name=session.worker.id, threads=threads)
    finally:
        session.leave()
        with suppress(ChorusError, OSError):  # the next worker measures it again
            profiler.store()


def update_cells_per_worker(context: Context, worker: Worker, chunk_rows: int) -> int:
    """Set how many cells are dispatched for each worker of the model, and return the number.

    It follows from the rows a second that the worker scores on an idle machine.
    """
    if context.place.concurrency == 1:
        return CELLS_PER_WORKER
    profile = read_profile(context.place, context.board, worker.model)
    rate = worker.threads / profile.row_seconds if profile.row_seconds else profile.rate
    cells = cells_per_worker(rate, chunk_rows, _STORAGE_SECONDS)
    set_cells_per_worker(context.board, worker.model, cells)
    return cells


def warm_up(context: Context, cache: ModelCache, session: WorkerSession) -> None:
    """Load the champion, and dispatch cells to this worker.

    Cells are dispatched also if the champion is broken, since other versions may not be.
    """
    model, start = session.worker.model, time()
    cache.load_champion(model)
    # If the broker does not answer, the next heartbeat and the reconciler do the same.
    with suppress(RedisError, BrokerUnreachable):
        if session.worker.state == "starting":  # the champion is broken: it would start for ever
            session.mark_loaded(start, time(), peak_memory())
        dispatch(context, model)

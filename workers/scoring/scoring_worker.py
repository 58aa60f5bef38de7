"""The scoring worker: one model and its queue."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from time import time

from celery import Celery
from redis.exceptions import RedisError

from models.guards.peak_memory import peak_memory
from models.interface.compute import Compute
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.place import Place
from tasks.board.context import Context
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.board.worker_profile import read_profile
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.step_messages import ScoreCell, scoring_queue
from tasks.planning.dispatch import PREFETCH, dispatch, prefetch_cells, set_prefetch
from tasks.steps.score import score
from workers.runtime.celery_worker import consume_queue
from workers.runtime.run_step import run_step
from workers.runtime.watchdog import Watchdog
from workers.scoring.isolated_model import IsolatedModel
from workers.scoring.loaded_model import InMemoryModel
from workers.scoring.profiler import Profiler

_WAITS = 0.5  # seconds that reading and writing a cell may take where storage takes its time
_VERSIONS = 2  # a job on the old version still finishes while the next runs on the new one

log = logging.getLogger(__name__)


class ModelCache:
    """The versions of one model in memory: those in use, and the last few that were."""

    def __init__(
        self,
        place: Place,
        compute: Compute,
        initializer: Callable[[], None] | None = None,
        meter: Profiler | None = None,
    ) -> None:
        """`initializer` runs first in a process of `isolated`."""
        self._place, self._compute, self._meter = place, compute, meter
        self._initializer = initializer
        self._loaded: OrderedDict[tuple[str, int], InMemoryModel] = OrderedDict()
        self._users: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()
        self._alone = Lock()

    @contextmanager
    def use(self, model: str, version: int) -> Iterator[InMemoryModel]:
        """Yield the version, loaded if it was not, and kept while the block lasts.

        Raises what loading raises.
        """
        wanted = (model, version)
        with self._lock:
            if wanted not in self._loaded:
                self._loaded[wanted] = self._load(model, version)
            self._loaded.move_to_end(wanted)
            self._users[wanted] += 1
            loaded = self._loaded[wanted]
        try:
            yield loaded
        except Exception:
            with self._lock:  # whatever failed may go on failing: the next who asks gets it anew
                if self._loaded.get(wanted) is loaded:
                    del self._loaded[wanted]
            raise
        finally:
            with self._lock:
                self._users[wanted] -= 1
                self._make_room(_VERSIONS)

    @contextmanager
    def isolated(self, model: str, version: int) -> Iterator[IsolatedModel]:
        """Yield the version in a process of its own, one at a time, while the block lasts.

        Raises IsolationFailed.
        """
        with self._alone:
            with self._lock:
                self._make_room(0)  # the memory of a worker is planned for one copy of its model
            alone = IsolatedModel(self._place, model, version, self._compute, self._initializer)
            try:
                yield alone
            finally:
                alone.stop()

    def _load(self, model: str, version: int) -> InMemoryModel:
        if self._meter is None:
            return InMemoryModel(self._place, model, version, self._compute)
        began = time()
        loaded = InMemoryModel(
            self._place, model, version, self._compute, partial(self._meter.record_chunk, version)
        )
        self._meter.record_loading(began, time())
        return loaded

    def warm(self, model: str) -> None:
        """Load the champion, which the first message most likely needs.

        If that fails, the message reports it.
        """
        try:
            with self.use(model, ModelRegistry(self._place).resolve(model).version):
                pass
        except Exception:  # whatever a model raises; who asks for this version will hear of it
            log.exception("not loaded ahead", extra={"model": model})

    def _make_room(self, most: int) -> None:
        """Unload idle versions, the oldest first, until so many are left."""
        idle = [version for version in self._loaded if not self._users[version]]
        for version in idle[: max(0, len(self._loaded) - most)]:
            self._loaded.pop(version).unload()


def register(app: Celery, context: Context, shelf: ModelCache) -> None:
    """Register the scoring step."""

    @app.task(name=ScoreCell.name)
    def _score(job: str, chunk: str, model: str, version: int) -> None:
        run_step(context, partial(score, context, shelf), ScoreCell(job, chunk, model, version))


def run_scoring_worker(
    app: Celery,
    context: Context,
    presence: WorkerSession,
    compute: Compute,
    folder: Path,
    initializer: Callable[[], None],
    chunk_rows: int,
) -> int:
    """Consume one model's queue until told to stop; return the exit status.

    `folder` is CHORUS_RUN; `initializer` runs first in a process that isolates a failing chunk;
    `chunk_rows`: rows of most chunks.
    """
    model = presence.worker.model
    meter = Profiler(context.place, context.board, presence)
    shelf = ModelCache(context.place, compute, initializer, meter)
    register(app, replace(context, session=presence), shelf)
    presence.start_heartbeat(Watchdog(context.board, presence, folder))
    # while Celery connects
    Thread(target=warm_up, args=(context, shelf, presence), name="warm").start()
    try:
        # One chunk computes while others are prepared or written; and a short one beside them.
        threads = 1 + prefetch_of(context, presence.worker, chunk_rows)
        return consume_queue(app, scoring_queue(model), name=presence.worker.id, threads=threads)
    finally:
        presence.leave()
        with suppress(ChorusError, OSError):  # it is measured again
            meter.store()


def prefetch_of(context: Context, worker: Worker, chunk_rows: int) -> int:
    """Return the cells to dispatch for each worker, from the rate that the worker can reach on an
    idle machine.
    """
    if context.place.concurrency == 1:
        return PREFETCH
    known = read_profile(context.place, context.board, worker.model)
    rate = worker.threads / known.row_seconds if known.row_seconds else known.rate
    cells = prefetch_cells(rate, chunk_rows, _WAITS)
    set_prefetch(context.board, worker.model, cells)
    return cells


def warm_up(context: Context, shelf: ModelCache, presence: WorkerSession) -> None:
    """Load the model, and dispatch cells: this worker may serve other versions if the champion is
    broken.
    """
    model, began = presence.worker.model, time()
    shelf.warm(model)
    # the next beat says it again, and the reconciler asks as well
    with suppress(RedisError, BrokerUnreachable):
        if presence.worker.state == "starting":  # or it would count as one that starts for ever
            presence.mark_loaded(began, time(), peak_memory())
        dispatch(context, model)

"""A scoring worker: one model, its queue and nothing else."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock, Thread

from celery import Celery

from models.compute import Compute
from models.registry import ModelRegistry
from storage.place import Place
from tasks.context import Context
from tasks.messages import ScoreCell, scoring_queue
from tasks.score import score
from workers.consume import consume
from workers.handling import handle
from workers.isolated import Isolated, begin_plainly
from workers.loaded import Loaded

_IN_WORK = 2  # one chunk computes while the next is prepared or the last is written
_VERSIONS = 2  # a job on the old version still finishes while the next runs on the new one

log = logging.getLogger(__name__)


class Shelf:
    """The versions of one model that are in memory: those in use, and the last few that were."""

    def __init__(self, place: Place, compute: Compute, begin: Callable[[], None] = begin_plainly) -> None:
        """`begin` is what a process of `isolated` does first."""
        self._place, self._compute, self._begin = place, compute, begin
        self._loaded: OrderedDict[tuple[str, int], Loaded] = OrderedDict()
        self._users: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()
        self._alone = Lock()

    @contextmanager
    def use(self, model: str, version: int) -> Iterator[Loaded]:
        """The version, loaded if it was not, and kept while the block lasts. Raises what loading raises."""
        wanted = (model, version)
        with self._lock:
            if wanted not in self._loaded:
                self._loaded[wanted] = Loaded(self._place, model, version, self._compute)
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
    def isolated(self, model: str, version: int) -> Iterator[Isolated]:
        """The version in a process of its own, one at a time, while the block lasts. Raises NotIsolated."""
        with self._alone:
            with self._lock:
                self._make_room(0)  # the memory of a worker is planned for one copy of its model
            alone = Isolated(self._place, model, version, self._compute, self._begin)
            try:
                yield alone
            finally:
                alone.stop()

    def warm(self, model: str) -> None:
        """Load the champion, which the first message most likely asks for. If it cannot be, that message fails."""
        try:
            with self.use(model, ModelRegistry(self._place).resolve(model).version):
                pass
        except Exception:  # whatever a model raises; who asks for this version will hear of it
            log.exception("not loaded ahead", extra={"model": model})

    def _make_room(self, most: int) -> None:
        """Unload what is idle, the oldest first, until so many are left."""
        idle = [version for version in self._loaded if not self._users[version]]
        for version in idle[: max(0, len(self._loaded) - most)]:
            self._loaded.pop(version).unload()


def register(app: Celery, context: Context, shelf: Shelf) -> None:
    """Teach the app to score."""

    @app.task(name=ScoreCell.name)
    def _score(job: str, chunk: str, model: str, version: int) -> None:
        handle(context, partial(score, context, shelf), ScoreCell(job, chunk, model, version))


def run(app: Celery, context: Context, model: str, compute: Compute, begin: Callable[[], None]) -> int:
    """Consume one model's queue until told to stop; the exit status.

    `begin` is what a process does first that the worker starts for a chunk that it scores with care.
    """
    shelf = Shelf(context.place, compute, begin)
    register(app, context, shelf)
    Thread(target=shelf.warm, args=(model,), name="warm").start()  # while Celery connects
    return consume(app, scoring_queue(model), name=model, threads=_IN_WORK)

"""A scoring worker: one model, its queue and nothing else."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock, Thread

import pyarrow as pa
from celery import Celery

from models.compute import Compute
from models.kinds import open_scorer
from models.registry import ModelRegistry
from storage.place import Place
from storage.scores import Float32
from tasks.context import Context
from tasks.messages import ScoreCell, scoring_queue
from tasks.score import score
from workers.consume import consume
from workers.handling import handle

_IN_WORK = 2  # one chunk computes while the next is prepared or the last is written
_VERSIONS = 2  # a job on the old version still finishes while the next runs on the new one

log = logging.getLogger(__name__)


class Loaded:
    """A model version in memory. Preparing and finishing overlap with the compute of another chunk."""

    def __init__(self, place: Place, model: str, version: int, compute: Compute) -> None:
        registry = ModelRegistry(place)
        manifest = registry.manifest(model, version)
        self.digest, self.labels = manifest.digest, manifest.labels
        self._busy = Lock()
        with registry.verified(manifest) as folder:
            self._scorer = open_scorer(manifest, folder, compute)
            self._scorer.load()

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities."""
        prepared = self._scorer.prepare(texts)
        with self._busy:
            raw = self._scorer.infer(prepared)
        return self._scorer.finish(raw)

    def unload(self) -> None:
        self._scorer.unload()


class Shelf:
    """The versions of one model that are in memory: those in use, and the last few that were."""

    def __init__(self, place: Place, compute: Compute) -> None:
        self._place, self._compute = place, compute
        self._loaded: OrderedDict[tuple[str, int], Loaded] = OrderedDict()
        self._users: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()

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
                self._make_room()

    def warm(self, model: str) -> None:
        """Load the champion, which the first message most likely asks for. If it cannot be, that message fails."""
        try:
            with self.use(model, ModelRegistry(self._place).resolve(model).version):
                pass
        except Exception:  # whatever a model raises; who asks for this version will hear of it
            log.exception("not loaded ahead", extra={"model": model})

    def _make_room(self) -> None:
        idle = [version for version in self._loaded if not self._users[version]]
        for version in idle[: max(0, len(self._loaded) - _VERSIONS)]:
            self._loaded.pop(version).unload()


def register(app: Celery, context: Context, shelf: Shelf) -> None:
    """Teach the app to score."""

    @app.task(name=ScoreCell.name)
    def _score(job: str, chunk: str, model: str, version: int) -> None:
        handle(context, partial(score, context, shelf.use), ScoreCell(job, chunk, model, version))


def run(app: Celery, context: Context, model: str, compute: Compute) -> int:
    """Consume one model's queue until told to stop; the exit status."""
    shelf = Shelf(context.place, compute)
    register(app, context, shelf)
    Thread(target=shelf.warm, args=(model,), name="warm").start()  # while Celery connects
    return consume(app, scoring_queue(model), name=model, threads=_IN_WORK)

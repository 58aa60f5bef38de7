"""A scoring worker: one model, its queue and nothing else."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from time import monotonic, time

import pyarrow as pa
from celery import Celery
from redis.exceptions import RedisError

from models.compute import Compute
from models.kinds import open_scorer
from models.registry import ModelRegistry
from storage.place import Place
from storage.scores import Float32
from tasks.address import BrokerUnreachable
from tasks.context import Context
from tasks.feed import SHORT, feed
from tasks.messages import ScoreCell, scoring_queue
from tasks.presence import Presence
from tasks.score import score
from workers.consume import consume
from workers.handling import handle
from workers.meter import Meter
from workers.watchdog import Watchdog

_IN_WORK = 3  # one chunk computes while the next is prepared or the last is written; and a short one beside them
_VERSIONS = 2  # a job on the old version still finishes while the next runs on the new one

log = logging.getLogger(__name__)


class Loaded:
    """A model version in memory. Preparing and finishing overlap with the compute of another chunk."""

    def __init__(self, place: Place, model: str, version: int, compute: Compute, meter: Meter | None = None) -> None:
        registry = ModelRegistry(place)
        manifest = registry.manifest(model, version)
        self.digest, self.labels = manifest.digest, manifest.labels
        self.loading = time()
        self._version, self._busy, self._meter = version, Lock(), meter
        with registry.verified(manifest) as folder:
            self._scorer = open_scorer(manifest, folder, compute)
            self._scorer.load()
        self.loaded = time()
        if meter is not None:
            meter.loaded(self.loaded)

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities. A short chunk does not wait for one that computes."""
        began = monotonic()
        prepared = self._scorer.prepare(texts)
        with nullcontext() if len(texts) <= SHORT else self._busy:
            raw = self._scorer.infer(prepared)
        values = self._scorer.finish(raw)
        if self._meter is not None:
            self._meter.scored(self._version, len(texts), began, monotonic())
        return values

    def unload(self) -> None:
        self._scorer.unload()


class Shelf:
    """The versions of one model that are in memory: those in use, and the last few that were."""

    def __init__(self, place: Place, compute: Compute, meter: Meter | None = None) -> None:
        self._place, self._compute, self._meter = place, compute, meter
        self._loaded: OrderedDict[tuple[str, int], Loaded] = OrderedDict()
        self._users: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()

    @contextmanager
    def use(self, model: str, version: int) -> Iterator[Loaded]:
        """The version, loaded if it was not, and kept while the block lasts. Raises what loading raises."""
        wanted = (model, version)
        with self._lock:
            if wanted not in self._loaded:
                self._loaded[wanted] = Loaded(self._place, model, version, self._compute, self._meter)
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


def run(app: Celery, context: Context, presence: Presence, compute: Compute, folder: Path) -> int:
    """Consume one model's queue until told to stop; the exit status. `folder` is CHORUS_RUN."""
    model = presence.worker.model
    shelf = Shelf(context.place, compute, Meter(context.place, context.board, presence))
    register(app, replace(context, presence=presence), shelf)
    presence.beat(Watchdog(context.board, presence, folder))
    Thread(target=_warm, args=(context, shelf, model), name="warm").start()  # while Celery connects
    try:
        return consume(app, scoring_queue(model), name=presence.worker.id, threads=_IN_WORK)
    finally:
        presence.leave()


def _warm(context: Context, shelf: Shelf, model: str) -> None:
    """Load the model, and ask for cells: there is one worker more."""
    shelf.warm(model)
    with suppress(RedisError, BrokerUnreachable):  # the reconciler asks as well
        feed(context, model)

"""The versions of one model that a scoring worker has in memory."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from time import time

from models.interface.compute import Compute
from models.publishing.registry import ModelRegistry
from storage.places.place import Place
from workers.scoring.in_memory_model import InMemoryModel
from workers.scoring.isolated_model import IsolatedModel
from workers.scoring.profiler import Profiler

_MAX_VERSIONS = 2  # a job on the old version still finishes while the next runs on the new one

log = logging.getLogger(__name__)


class ModelCache:
    """The versions in memory: those in use, and the last few that were used."""

    def __init__(
        self,
        place: Place,
        compute: Compute,
        initializer: Callable[[], None] | None = None,
        profiler: Profiler | None = None,
    ) -> None:
        """`initializer` is called first in a process of `isolated`."""
        self._place, self._compute, self._profiler = place, compute, profiler
        self._initializer = initializer
        self._models: OrderedDict[tuple[str, int], InMemoryModel] = OrderedDict()
        self._users: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()
        self._isolating = Lock()

    @contextmanager
    def use(self, model: str, version: int) -> Iterator[InMemoryModel]:
        """Yield the version, loaded if it was not, and keep it while the block lasts.

        Raises what loading raises.
        """
        key = (model, version)
        with self._lock:
            if key not in self._models:
                self._models[key] = self._load(model, version)
            self._models.move_to_end(key)
            self._users[key] += 1
            loaded = self._models[key]
        try:
            yield loaded
        except Exception:
            with self._lock:  # its state may be broken: the next chunk gets it loaded anew
                if self._models.get(key) is loaded:
                    del self._models[key]
            raise
        finally:
            with self._lock:
                self._users[key] -= 1
                self._evict(_MAX_VERSIONS)

    @contextmanager
    def isolated(self, model: str, version: int) -> Iterator[IsolatedModel]:
        """Yield the version in a process of its own, one at a time, while the block lasts.

        Raises IsolationFailed, StorageUnavailable.
        """
        with self._isolating:
            with self._lock:
                self._evict(0)  # the memory of a worker is planned for one copy of its model
            isolated = IsolatedModel(self._place, model, version, self._compute, self._initializer)
            try:
                yield isolated
            finally:
                isolated.stop()

    def load_champion(self, model: str) -> None:
        """Load the champion, which the first message most likely needs.

        An error is only logged: the message that needs the version reports it.
        """
        try:
            with self.use(model, ModelRegistry(self._place).resolve(model).version):
                pass
        except Exception as error:  # whatever a model raises
            log.error(
                "the champion could not be loaded: %s",
                error,
                exc_info=True,
                extra={"model": model},
            )

    def _load(self, model: str, version: int) -> InMemoryModel:
        if self._profiler is None:
            return InMemoryModel(self._place, model, version, self._compute)
        start = time()
        on_scored = partial(self._profiler.record_chunk, version)
        loaded = InMemoryModel(self._place, model, version, self._compute, on_scored)
        self._profiler.record_loading(start, time())
        return loaded

    def _evict(self, keep: int) -> None:
        """Unload versions that are not in use, the oldest first, until `keep` are left."""
        unused = [key for key in self._models if not self._users[key]]
        for key in unused[: max(0, len(self._models) - keep)]:
            self._models.pop(key).unload()

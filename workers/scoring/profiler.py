"""The profiler of a scoring worker: memory, start-up, rows a second, processor seconds a row."""

import logging
from dataclasses import dataclass, field
from math import inf
from threading import Lock

from redis.exceptions import RedisError

from models.guards.peak_memory import peak_memory
from storage.errors import ChorusError
from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.leases import WorkerSession
from tasks.board.worker_profile import (
    WorkerProfile,
    publish_profile,
    read_profile,
    store_profile,
)
from workers.scoring.cpu_clock import CpuClock

_DECAY = 0.7  # weight of earlier chunks beside the latest
_STORE_SECONDS = 60.0  # between two writes to storage, which may be slow
_MIN_ROWS = 64  # fewer rows say nothing about the rate; small chunks are added up
# memory while scoring, as a multiple of that after loading, at most
_MAX_SCORING_MEMORY = 1.5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Work:
    """Scored rows, their characters, and the time that they took."""

    rows: float = 0.0
    chars: float = 0.0
    spent: CpuClock = field(default_factory=CpuClock)

    def plus(self, other: "_Work", weight: float = 1.0) -> "_Work":
        """Return this work, multiplied by a weight, plus other work."""
        spent = CpuClock(weight * self.spent.wall, weight * self.spent.processor) + other.spent
        return _Work(weight * self.rows + other.rows, weight * self.chars + other.chars, spent)


class Profiler:
    """Measures this worker.

    The board has each new profile at once, storage at most once a minute and if a figure has
    changed.
    """

    def __init__(self, place: Place, board: Board, session: WorkerSession) -> None:
        self._place, self._board, self._session = place, board, session
        self._start_seconds = self._start_work = 0.0
        self._work, self._new_work = _Work(), _Work()
        self._last_end = CpuClock(-inf, -inf)
        self._store_at = 0.0
        self._unstored: tuple[int, WorkerProfile] | None = None  # version, its latest profile
        self._lock = Lock()

    def record_loading(self, start: float, end: float) -> None:
        """Record that a version was loaded between these times, in seconds since 1970."""
        if not self._start_seconds:
            self._start_seconds = end - self._session.worker.started
            self._start_work = CpuClock.now().processor
        memory, model = peak_memory(), self._session.worker.model
        self._session.mark_loaded(start, end, memory)
        try:
            profile = read_profile(self._place, self._board, model)
            # Scoring takes more memory; how much, only a worker that has scored knows.
            expected = max(memory, min(profile.memory, int(_MAX_SCORING_MEMORY * memory)))
            measured = {
                "memory": expected,
                "start_seconds": self._start_seconds,
                "start_work": self._start_work,
            }
            publish_profile(self._board, model, profile.model_copy(update=measured))
        except RedisError:
            log.warning("the broker does not answer: start-up and memory are not recorded")

    def record_chunk(
        self, version: int, rows: int, chars: int, start: CpuClock, end: CpuClock
    ) -> None:
        """Record a scored chunk. Chunks overlap: only the time since the last one's end counts."""
        with self._lock:
            spent = end.since(start, self._last_end)
            self._new_work = self._new_work.plus(_Work(rows, chars, spent))
            self._last_end = end
            if self._new_work.rows < _MIN_ROWS:
                return
            self._work, self._new_work = self._work.plus(self._new_work, _DECAY), _Work()
            profile = self._profile(self._work)
            self._unstored = version, profile
        try:
            publish_profile(self._board, self._session.worker.model, profile)
            if end.wall >= self._store_at:
                self._store_at = end.wall + _STORE_SECONDS
                self.store()
        except (RedisError, ChorusError, OSError):  # the chunk is scored all the same
            log.warning("the rate is not recorded", exc_info=True)

    def store(self) -> None:
        """Store the version's latest profile if it is new. Raises CannotWrite, BadName."""
        with self._lock:
            unstored, self._unstored = self._unstored, None
        if unstored is not None:
            store_profile(self._place, self._session.worker.model, *unstored)

    def _profile(self, work: _Work) -> WorkerProfile:
        gpu = self._session.worker.device.startswith("cuda")
        return WorkerProfile(
            rate=work.rows / max(1e-6, work.spent.wall),
            start_seconds=self._start_seconds,
            memory=peak_memory(),
            start_work=self._start_work,
            row_seconds=(work.spent.wall if gpu else work.spent.processor) / work.rows,
            row_chars=work.chars / work.rows,
        )

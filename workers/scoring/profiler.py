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

_PAST = 0.7  # what a chunk before counts beside this one
_KEEP_SECONDS = 60.0  # between two looks at what storage has; a bucket takes its time
_ENOUGH = 64  # rows below which nothing is said of the rate; small chunks count together
# what a worker takes when it scores, at the most, of what it takes when it has loaded its model
_SCORING = 1.5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Work:
    """Rows that were scored, and what that took."""

    rows: float = 0.0
    chars: float = 0.0
    spent: CpuClock = field(default_factory=CpuClock)

    def plus(self, other: "_Work", share: float = 1.0) -> "_Work":
        """Return this, of which only a share counts, plus the other."""
        spent = CpuClock(share * self.spent.wall, share * self.spent.processor) + other.spent
        return _Work(share * self.rows + other.rows, share * self.chars + other.chars, spent)


class Profiler:
    """Measurements of this worker. It updates the board at once, and storage when a figure has
    changed.
    """

    def __init__(self, place: Place, board: Board, presence: WorkerSession) -> None:
        self._place, self._board, self._presence = place, board, presence
        self._start_seconds = self._start_work = 0.0
        self._work, self._new = _Work(), _Work()
        self._last = CpuClock(-inf, -inf)
        self._keep_at = 0.0
        self._unkept: tuple[int, WorkerProfile] | None = None  # (version, what was last measured)
        self._lock = Lock()

    def record_loading(self, began: float, ended: float) -> None:
        """Record that a version was loaded between these times, in seconds since 1970."""
        if not self._start_seconds:
            self._start_seconds = ended - self._presence.worker.started
            self._start_work = CpuClock.now().processor
        memory, model = peak_memory(), self._presence.worker.model
        self._presence.mark_loaded(began, ended, memory)
        try:
            known = read_profile(self._place, self._board, model)
            # It takes more once it scores; how much, only a worker that has scored knows.
            expected = max(memory, min(known.memory, int(_SCORING * memory)))
            start = {"start_seconds": self._start_seconds, "start_work": self._start_work}
            publish_profile(
                self._board, model, known.model_copy(update={"memory": expected, **start})
            )
        except RedisError:
            log.warning("the broker is away: start and memory were not noted")

    def record_chunk(
        self, version: int, rows: int, chars: int, began: CpuClock, ended: CpuClock
    ) -> None:
        """Record a scored chunk. Chunks overlap, so only what was used since the last one counts."""
        with self._lock:
            self._new = self._new.plus(_Work(rows, chars, ended.since(began, self._last)))
            self._last = ended
            if self._new.rows < _ENOUGH:
                return
            self._work, self._new = self._work.plus(self._new, _PAST), _Work()
            measured = self._measured(self._work)
            self._unkept = version, measured
        try:
            publish_profile(self._board, self._presence.worker.model, measured)
            if ended.wall >= self._keep_at:
                self._keep_at = ended.wall + _KEEP_SECONDS
                self.store()
        # no chunk is lost because its time was not noted
        except (RedisError, ChorusError, OSError):
            log.warning("the rate was not noted", exc_info=True)

    def store(self) -> None:
        """Store with the version what was measured since the last call. Raises CannotWrite,
        BadName.
        """
        with self._lock:
            unkept, self._unkept = self._unkept, None
        if unkept is not None:
            store_profile(self._place, self._presence.worker.model, *unkept)

    def _measured(self, work: _Work) -> WorkerProfile:
        gpu = self._presence.worker.device.startswith("cuda")
        return WorkerProfile(
            rate=work.rows / max(1e-6, work.spent.wall),
            start_seconds=self._start_seconds,
            memory=peak_memory(),
            start_work=self._start_work,
            row_seconds=(work.spent.wall if gpu else work.spent.processor) / work.rows,
            row_chars=work.chars / work.rows,
        )

"""What a scoring worker measures of itself: memory, start, and rows a second."""

import logging
from threading import Lock

from redis.exceptions import RedisError

from models.peak_memory import peak_memory
from storage.errors import ChorusError
from storage.place import Place
from tasks.board import Board
from tasks.measured import Needs, keep, needs, note
from tasks.presence import Presence

_PAST = 0.7  # what a chunk before counts beside this one
_KEEP_SECONDS = 60.0  # between two looks at what storage has; a bucket takes its time
_ENOUGH = 64  # rows below which nothing is said of the rate; small chunks count together
_SCORING = 1.5  # what a worker takes when it scores, at the most, of what it takes when it has loaded its model

log = logging.getLogger(__name__)


class Meter:
    """Told of what happens in the worker; tells the board at once, and storage when it has changed."""

    def __init__(self, place: Place, board: Board, presence: Presence) -> None:
        self._place, self._board, self._presence = place, board, presence
        self._start_seconds = 0.0
        self._rows = self._seconds = self._new_rows = self._new_seconds = 0.0
        self._last = self._keep_at = 0.0
        self._lock = Lock()

    def loaded(self, began: float, ended: float) -> None:
        """A version has come into memory between these times, in seconds since 1970."""
        if not self._start_seconds:
            self._start_seconds = ended - self._presence.worker.started
        memory, model = peak_memory(), self._presence.worker.model
        self._presence.ready(began, ended, memory)
        try:
            known = needs(self._place, self._board, model)
            # It takes more once it scores; how much, only a worker that has scored knows.
            expected = max(memory, min(known.memory, int(_SCORING * memory)))
            note(self._board, model, Needs(rate=known.rate, start_seconds=self._start_seconds, memory=expected))
        except RedisError:
            log.warning("the broker is away: start and memory were not noted")

    def scored(self, version: int, rows: int, began: float, ended: float) -> None:
        """A chunk was scored, by the monotonic clock; chunks overlap, so that only the time since the last counts."""
        with self._lock:
            self._new_rows += rows
            self._new_seconds += max(1e-6, ended - max(began, self._last))
            self._last = ended
            if self._new_rows < _ENOUGH:
                return
            self._rows = _PAST * self._rows + self._new_rows
            self._seconds = _PAST * self._seconds + self._new_seconds
            self._new_rows = self._new_seconds = 0.0
            measured = Needs(rate=self._rows / self._seconds, start_seconds=self._start_seconds, memory=peak_memory())
        model = self._presence.worker.model
        try:
            note(self._board, model, measured)
            if ended >= self._keep_at:
                self._keep_at = ended + _KEEP_SECONDS
                keep(self._place, model, version, measured)
        except (RedisError, ChorusError, OSError):  # no chunk is lost because its time was not noted
            log.warning("the rate was not noted", exc_info=True)

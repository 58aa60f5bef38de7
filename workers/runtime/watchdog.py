"""Progress, not liveness: a worker that no longer takes what waits for it, or never finishes, ends
itself.
"""

import logging
import os
from pathlib import Path
from time import time

from redis.exceptions import RedisError

from tasks.board import keys
from tasks.board.board import Board
from tasks.board.leases import WorkerSession
from tasks.broker.step_messages import scoring_queue
from workers.runtime.liveness_file import touch

_DEAF_SECONDS = 45.0  # with messages waiting and nothing taken; a reconnect takes less
# at one chunk: the slowest model takes less, and a text that hangs takes for ever
_STUCK_SECONDS = 1800.0
_EXIT = 70  # EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


class Watchdog:
    """Called with each beat of a scoring worker. Whoever started the worker starts another."""

    def __init__(self, board: Board, presence: WorkerSession, run: Path) -> None:
        """`run` is CHORUS_RUN."""
        self._board, self._presence, self._run = board, presence, run
        self._looked = 0.0
        self._waiting_since: float | None = None

    def __call__(self) -> None:
        """Say that there is progress if there is, or end the process."""
        now = time()
        problem = trouble(self._unheard(now), self._presence.held_longest(now))
        if problem is not None:
            log.error("%s: this worker ends, and another takes over", problem)
            os._exit(_EXIT)
        nothing_to_do = not self._presence.busy and self._waiting_since is None
        if self._presence.worker.state != "starting" and (
            nothing_to_do or self._presence.last_step >= self._looked
        ):
            touch(self._run)
        self._looked = now

    def _unheard(self, now: float) -> float:
        """Seconds for which messages have waited at every look, while this worker had nothing and
        took nothing.
        """
        if self._presence.busy or not self._waiting():
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None or self._presence.last_step > self._waiting_since:
            self._waiting_since = now
        return now - self._waiting_since

    def _waiting(self) -> int:
        """Messages in this model's queue; none that we know of while the broker is away."""
        try:
            queue = self._board.key(keys.QUEUE, scoring_queue(self._presence.worker.model))
            return int(self._board.redis.llen(queue))
        except RedisError:
            return 0


def trouble(unheard: float, longest: float) -> str | None:
    """What is wrong with a worker: seconds that messages wait unheard, seconds it is at its oldest
    chunk. Pure.

    trouble(60.0, 0.0) == "messages wait, and none was taken for 60 s"
    """
    if unheard > _DEAF_SECONDS:
        return f"messages wait, and none was taken for {unheard:.0f} s"
    if longest > _STUCK_SECONDS:
        return f"a chunk is not done after {longest:.0f} s"
    return None

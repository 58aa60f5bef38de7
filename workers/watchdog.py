"""Progress, not liveness: a worker that no longer takes what waits for it, or never finishes, ends itself."""

import logging
import os
from pathlib import Path
from time import time

from redis.exceptions import RedisError

from tasks.board import Board
from tasks.messages import scoring_queue
from tasks.presence import Presence
from workers.alive import touch

_DEAF_SECONDS = 45.0  # with messages waiting and nothing taken; a reconnect takes less
_STUCK_SECONDS = 1800.0  # at one chunk: the slowest model takes less, and a text that hangs takes for ever
_EXIT = 70  # EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


class Watchdog:
    """Called with each beat of a scoring worker. Whoever started the worker starts another."""

    def __init__(self, board: Board, presence: Presence, run: Path) -> None:
        """`run` is CHORUS_RUN."""
        self._board, self._presence, self._run = board, presence, run

    def __call__(self) -> None:
        """Say that there is progress, or end the process."""
        problem = trouble(self._waiting(), self._presence.idle_for(time()), self._presence.held_longest(time()))
        if problem is None:
            if self._presence.worker.state != "starting":
                touch(self._run)
            return
        log.error("%s: this worker ends, and another takes over", problem)
        os._exit(_EXIT)

    def _waiting(self) -> int:
        """Messages in this model's queue; none that we know of while the broker is away."""
        try:
            queue = self._board.prefix + scoring_queue(self._presence.worker.model)
            return int(self._board.redis.llen(queue))
        except RedisError:
            return 0


def trouble(waiting: int, idle: float, longest: float) -> str | None:
    """What is wrong with a worker: messages waiting, seconds it took none, seconds it is at its oldest chunk. Pure.

    trouble(3, 60.0, 0.0) == "3 messages wait, and none was taken for 60 s"
    """
    if waiting and idle > _DEAF_SECONDS:
        return f"{waiting} messages wait, and none was taken for {idle:.0f} s"
    if longest > _STUCK_SECONDS:
        return f"a chunk is not done after {longest:.0f} s"
    return None

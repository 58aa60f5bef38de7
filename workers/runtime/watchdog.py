"""The watchdog: a worker that takes no waiting message, or never finishes a chunk, ends itself."""

import logging
import os
from pathlib import Path
from time import time

from redis.exceptions import RedisError

from tasks.board import keys
from tasks.board.board import Board
from tasks.board.leases import WorkerSession
from tasks.broker.step_messages import scoring_queue
from workers.runtime.liveness_file import touch_liveness_file

_DEAF_SECONDS = 45.0  # with messages waiting and nothing taken; a reconnect takes less
# at one chunk: the slowest model takes less, and a text that hangs takes for ever
_STUCK_SECONDS = 1800.0
_EXIT = 70  # EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


class Watchdog:
    """A check after each heartbeat of a scoring worker. The supervisor of the worker starts
    another.
    """

    def __init__(self, board: Board, presence: WorkerSession, run: Path) -> None:
        """`run` is CHORUS_RUN."""
        self._board, self._presence, self._run = board, presence, run
        self._looked = 0.0
        self._waiting_since: float | None = None

    def __call__(self) -> None:
        """Touch the liveness file if there is progress, or end the process."""
        now = time()
        problem = stalled_reason(self._seconds_untaken(now), self._presence.held_longest(now))
        if problem is not None:
            log.error("%s: this worker ends, and another takes over", problem)
            os._exit(_EXIT)
        nothing_to_do = not self._presence.busy and self._waiting_since is None
        if self._presence.worker.state != "starting" and (
            nothing_to_do or self._presence.last_step >= self._looked
        ):
            touch_liveness_file(self._run)
        self._looked = now

    def _seconds_untaken(self, now: float) -> float:
        """Return for how long messages have waited while this worker was idle and took none."""
        if self._presence.busy or not self._waiting():
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None or self._presence.last_step > self._waiting_since:
            self._waiting_since = now
        return now - self._waiting_since

    def _waiting(self) -> int:
        """Return the messages in this model's queue; 0 while the broker does not answer."""
        try:
            queue = self._board.key(keys.QUEUE, scoring_queue(self._presence.worker.model))
            return int(self._board.redis.llen(queue))
        except RedisError:
            return 0


def stalled_reason(unheard: float, longest: float) -> str | None:
    """Return why a worker is stalled, or None. Pure.

    Seconds for which messages wait untaken, and seconds for which it holds its oldest lease:

        stalled_reason(60.0, 0.0) == "messages wait, and none was taken for 60 s"
    """
    if unheard > _DEAF_SECONDS:
        return f"messages wait, and none was taken for {unheard:.0f} s"
    if longest > _STUCK_SECONDS:
        return f"a chunk is not done after {longest:.0f} s"
    return None

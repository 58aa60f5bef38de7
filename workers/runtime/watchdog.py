"""The watchdog: ends a worker that takes no waiting message, or never finishes a chunk."""

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

# Seconds for which messages may wait while an idle worker takes none; a reconnect takes less.
_UNTAKEN_SECONDS = 45.0
# Seconds for one chunk: the slowest model takes less, and a text that hangs takes for ever.
_STUCK_SECONDS = 1800.0
_EXIT = 70  # EX_SOFTWARE of sysexits.h

log = logging.getLogger(__name__)


class Watchdog:
    """Checks its own worker after each heartbeat.

    The pool manager, or Kubernetes, replaces a worker that it ends. A frozen worker cannot check
    itself: the pool manager kills it when its heartbeats stop.
    """

    def __init__(self, board: Board, session: WorkerSession, run: Path) -> None:
        """`run` is CHORUS_RUN."""
        self._board, self._session, self._run = board, session, run
        self._last_check = 0.0
        self._waiting_since: float | None = None

    def __call__(self) -> None:
        """Touch the liveness file if there was progress, or end the process if it is stalled."""
        now = time()
        reason = stalled_reason(self._seconds_untaken(now), self._session.held_longest(now))
        if reason is not None:
            log.error("%s: this worker ends, and another takes over", reason)
            os._exit(_EXIT)
        nothing_to_do = not self._session.busy and self._waiting_since is None
        progress = self._session.last_step >= self._last_check
        if self._session.worker.state != "starting" and (nothing_to_do or progress):
            touch_liveness_file(self._run)
        self._last_check = now

    def _seconds_untaken(self, now: float) -> float:
        """Return for how long messages have waited while this worker was idle and took none."""
        if self._session.busy or not self._queue_length():
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None or self._session.last_step > self._waiting_since:
            self._waiting_since = now
        return now - self._waiting_since

    def _queue_length(self) -> int:
        """Return the messages in this model's queue; 0 while the broker does not answer."""
        try:
            queue = self._board.key(keys.QUEUE, scoring_queue(self._session.worker.model))
            return int(self._board.redis.llen(queue))
        except RedisError:
            return 0


def stalled_reason(untaken_seconds: float, lease_seconds: float) -> str | None:
    """Return why a worker is stalled, or None. Pure.

    `untaken_seconds`: for how long messages have waited and it took none; `lease_seconds`: for how
    long it has held its oldest lease:

        stalled_reason(60.0, 0.0) == "messages wait, and none was taken for 60 s"
    """
    if untaken_seconds > _UNTAKEN_SECONDS:
        return f"messages wait, and none was taken for {untaken_seconds:.0f} s"
    if lease_seconds > _STUCK_SECONDS:
        return f"a chunk is not done after {lease_seconds:.0f} s"
    return None

"""A supervised child process: restarted when it has ended, killed when its heartbeats stop."""

import logging
from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from tasks.board.board import Board
from tasks.board.leases import release_all
from tasks.board.roster import Roster
from workers.processes.child_process import ChildProcess
from workers.processes.heartbeat_timeout import HeartbeatTimeout

_MIN_BACKOFF = 1.0  # seconds between two starts; doubled each time that the child ends within them
_MAX_BACKOFF = 30.0

log = logging.getLogger(__name__)


class Supervisor:
    """Keeps one process of the service running: the control worker, or the bridge."""

    def __init__(
        self,
        name: str,
        board: Board,
        start: Callable[[str], ChildProcess],
        on_death: Callable[[str], None] | None = None,
    ) -> None:
        """Start the process.

        `start` starts a process that puts itself on the roster under the id that it is given;
        `on_death` is called with the id of each process that has ended.
        """
        self._name, self._board, self._start, self._on_death = name, board, start, on_death
        self._roster, self._backoff = Roster(board), _MIN_BACKOFF
        self._start_child()

    def tick(self) -> None:
        """Kill a frozen process; release the leases of a dead one and start another.

        Raises RedisError.
        """
        status, now = self._child.exit_status(), monotonic()
        if status is None:
            if now - self._started_at > _MAX_BACKOFF:
                self._backoff = _MIN_BACKOFF
            on_roster = self._roster.get(self._id) is not None
            if self._heartbeat.has_expired(now, on_roster=on_roster):
                log.warning("the %s sends no heartbeats: killing it", self._name)
                self._child.kill()
            return
        if now - self._started_at < self._backoff:
            return
        log.warning("the %s ended, status %s: starting another", self._name, status)
        if self._backoff > _MIN_BACKOFF:  # so did the one before, soon after its start
            log.warning("its log, %s, ends:\n%s", self._child.log, self._child.log_tail())
        release_all(self._board, [self._id])
        self._roster.remove([self._id])
        if self._on_death is not None:
            self._on_death(self._id)
        self._backoff = min(_MAX_BACKOFF, 2 * self._backoff)
        self._start_child()

    def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for its end, then kill it."""
        self._child.stop(grace)

    def _start_child(self) -> None:
        self._id = f"{self._name.partition(' ')[0]}-{uuid4().hex[:8]}"
        self._started_at, self._heartbeat = monotonic(), HeartbeatTimeout()
        self._child = self._start(self._id)

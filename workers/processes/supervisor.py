"""A supervised child process: started again when it has ended, killed when its heartbeats stop."""

import logging
from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from tasks.board.board import Board
from tasks.board.leases import release_all
from tasks.board.roster import Roster
from workers.processes.child_process import ChildProcess
from workers.processes.heartbeat_timeout import HeartbeatTimeout

_REST = 1.0  # seconds between two starts; doubled each time that the child ends within them
_LONGEST_REST = 30.0

log = logging.getLogger(__name__)


class Supervisor:
    """A process of which the service runs exactly one: the control worker, or the bridge."""

    def __init__(
        self,
        name: str,
        board: Board,
        start: Callable[[str], ChildProcess],
        forget: Callable[[str], None] | None = None,
    ) -> None:
        """`start` starts a process that puts itself on the roster under this id.

        `forget` is called with the ids of dead processes.
        """
        self._name, self._board, self._start, self._forget = name, board, start, forget
        self._roster, self._rest = Roster(board), _REST
        self._begin()

    def tick(self) -> None:
        """Kill a frozen process; release a dead one's leases, and start another. Raises RedisError."""
        status, now = self._child.exit_status(), monotonic()
        if status is None:
            if now - self._since > _LONGEST_REST:
                self._rest = _REST
            if self._silence.has_expired(now, on_roster=self._roster.get(self._id) is not None):
                log.warning("the %s says nothing any more: killing it", self._name)
                self._child.kill()
            return
        if now - self._since < self._rest:
            return
        log.warning("the %s ended by itself, status %s: starting another", self._name, status)
        if self._rest > _REST:  # the one before ended soon as well
            log.warning("its log, %s, ends:\n%s", self._child.log, self._child.log_tail())
        release_all(self._board, [self._id])
        self._roster.remove([self._id])
        if self._forget is not None:
            self._forget(self._id)
        self._rest = min(_LONGEST_REST, 2 * self._rest)
        self._begin()

    def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for its end, then kill it."""
        self._child.stop(grace)

    def _begin(self) -> None:
        self._id = f"{self._name.partition(' ')[0]}-{uuid4().hex[:8]}"
        self._since, self._silence = monotonic(), HeartbeatTimeout()
        self._child = self._start(self._id)

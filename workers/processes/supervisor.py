"""A child that is there all the time: started again when it has ended, killed when it says nothing
any more.
"""

import logging
from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from tasks.board.board import Board
from tasks.board.leases import release_all
from tasks.board.roster import Roster
from workers.processes.child_process import Child
from workers.processes.heartbeat_timeout import HeartbeatTimeout

_REST = 1.0  # seconds between two starts; doubled each time that the child ends within them
_LONGEST_REST = 30.0

log = logging.getLogger(__name__)


class Supervisor:
    """One process of a service that there is exactly once: the control worker, the bridge."""

    def __init__(
        self,
        name: str,
        board: Board,
        start: Callable[[str], Child],
        forget: Callable[[str], None] | None = None,
    ) -> None:
        """`start`: starts one that puts itself on the roster under this id; `forget`: also told the
        ids of the dead.
        """
        self._name, self._board, self._start, self._forget = name, board, start, forget
        self._roster, self._rest = Roster(board), _REST
        self._begin()

    def tick(self) -> None:
        """Kill a frozen one; hand back what a dead one had in work, and start another. Raises
        RedisError.
        """
        status, now = self._child.ended(), monotonic()
        if status is None:
            if now - self._since > _LONGEST_REST:
                self._rest = _REST
            if self._silence.has_expired(now, there=self._roster.get(self._id) is not None):
                log.warning("the %s says nothing any more: killing it", self._name)
                self._child.kill()
            return
        if now - self._since < self._rest:
            return
        log.warning("the %s ended by itself, status %s: starting another", self._name, status)
        if self._rest > _REST:  # the one before ended soon as well
            log.warning("its log, %s, ends:\n%s", self._child.log, self._child.last_words())
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

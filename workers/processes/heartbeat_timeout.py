"""The timeout of a child process that runs and sends no heartbeat: frozen, or cut off from the
broker.
"""

_MOST = 30.0  # seconds off the roster; whoever lives is back within a beat of the broker's return
# seconds that one look counts at most: in a longer pause it is the broker that was away, or this
# process
_LOOK = 2.0


class HeartbeatTimeout:
    """The time for which a child has been missing from the roster, after its first heartbeat."""

    def __init__(self) -> None:
        self.heard = False  # until then it is only starting
        self._seconds = self._last = 0.0

    def has_expired(self, now: float, *, there: bool) -> bool:
        """Return whether the child is to be killed.

        `there`: it is on the roster by its own heartbeat; `now`: the monotonic clock.
        """
        passed, self._last = min(_LOOK, now - self._last), now
        self.heard = self.heard or there
        self._seconds = self._seconds + passed if self.heard and not there else 0.0
        return self._seconds > _MOST

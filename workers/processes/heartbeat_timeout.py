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

    def has_expired(self, now: float, *, on_roster: bool) -> bool:
        """Return whether the child is to be killed.

        `on_roster`: it is there by its own heartbeat; `now`: the monotonic clock.
        """
        passed, self._last = min(_LOOK, now - self._last), now
        self.heard = self.heard or on_roster
        self._seconds = self._seconds + passed if self.heard and not on_roster else 0.0
        return self._seconds > _MOST

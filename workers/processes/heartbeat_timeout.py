"""A child that runs and says nothing: frozen, or cut off from the broker."""

_MOST = 30.0  # seconds off the roster; whoever lives is back within a beat of the broker's return
# seconds that one look counts at most: in a longer pause it is the broker that was away, or this
# process
_LOOK = 2.0


class HeartbeatTimeout:
    """For how long a child that has spoken has been missing from the roster."""

    def __init__(self) -> None:
        self.heard = False  # until then it is only starting
        self._seconds = self._last = 0.0

    def has_expired(self, now: float, *, there: bool) -> bool:
        """Whether it is given up. `there`: it is on the roster, by its own word; `now`: the
        monotonic clock.
        """
        passed, self._last = min(_LOOK, now - self._last), now
        self.heard = self.heard or there
        self._seconds = self._seconds + passed if self.heard and not there else 0.0
        return self._seconds > _MOST

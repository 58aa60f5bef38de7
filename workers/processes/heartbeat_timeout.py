"""The heartbeat timeout of a child process: one that is frozen, or cut off from the broker."""

# Seconds without heartbeats: a live process is back on the roster within one heartbeat of the
# broker's return.
_TIMEOUT = 30.0
# Seconds that one check counts at most. If more have passed, the broker did not answer or this
# process was frozen, and the child may have sent heartbeats.
_MAX_STEP = 2.0


class HeartbeatTimeout:
    """The time for which a child has been missing from the roster, after its first heartbeat."""

    def __init__(self) -> None:
        self.received = False  # whether the child has sent a heartbeat; until then it starts
        self._missing_seconds = self._checked_at = 0.0

    def has_expired(self, now: float, *, on_roster: bool) -> bool:
        """Return whether the child is to be killed.

        `now`: the monotonic clock; `on_roster`: the child is on the roster by its own heartbeat.
        """
        passed, self._checked_at = min(_MAX_STEP, now - self._checked_at), now
        self.received = self.received or on_roster
        if not self.received or on_roster:
            self._missing_seconds = 0.0
        else:
            self._missing_seconds += passed
        return self._missing_seconds > _TIMEOUT

"""A bridge's status on the board: its stream, its messages and their outcomes, its last error."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from time import monotonic, time

from redis.exceptions import RedisError

from tasks.board.bridge_roster import Bridge, BridgeRoster, BridgeState, Outcome

_BEAT_SECONDS = 2.0
# for which an error counts: by then what was handed back has come again, to us or to another
_FRESH_SECONDS = 150.0


class BridgeStatus:
    """The status of this bridge, set by several threads.

    A board that does not answer gets it with the next heartbeat.
    """

    def __init__(self, identity: str, subscription: str, bridges: BridgeRoster) -> None:
        self._bridge = Bridge(identity, subscription, "waiting", time(), "", 0)
        self._bridges, self._lock = bridges, Lock()
        self._held = 0
        # by customer, why messages were handed back last, and when
        self._errors: dict[str, tuple[float, str]] = {}
        self._beaten = float("-inf")

    @property
    def held(self) -> int:
        """Messages that were received and not settled yet."""
        return self._held

    @property
    def state(self) -> BridgeState:
        """State of the stream."""
        return self._bridge.state

    @property
    def error(self) -> str:
        """Reason for which the stream ended."""
        return self._bridge.error

    def set_state(self, state: BridgeState, error: str = "") -> None:
        """Write the state of the stream, at once."""
        since = self._bridge.since if state == self._bridge.state else time()
        self._bridge = replace(self._bridge, state=state, since=since, error=error)
        self._beaten = float("-inf")
        self.heartbeat()

    def heartbeat(self) -> int | None:
        """Write the status, at most every two seconds; return the number of running jobs, if
        written.
        """
        if monotonic() - self._beaten <= _BEAT_SECONDS:
            return None
        self._beaten = monotonic()
        with suppress(RedisError):
            self._bridges.put(
                replace(self._bridge, held=self._held, error=self._bridge.error or self._why_back())
            )
            return self._bridges.jobs()
        return None

    def add_held(self, more: int) -> None:
        """Count messages that were received."""
        with self._lock:
            self._held += more

    def remove_held(self, messages: int, outcomes: Mapping[Outcome, int]) -> None:
        """Count messages that were settled, by outcome."""
        self.add_held(-messages)
        with suppress(RedisError):
            self._bridges.count(outcomes)

    def mark_failing(self, customer: str, error: Exception) -> None:
        """Note why messages of the customer are released."""
        with self._lock:
            self._errors[customer] = monotonic(), str(error)

    def mark_stored(self, customer: str) -> None:
        """Note that messages of the customer were stored."""
        with self._lock:
            self._errors.pop(customer, None)

    def remove(self) -> None:
        """Remove this bridge from the board."""
        with suppress(RedisError):
            self._bridges.remove(self._bridge.id)

    def _why_back(self) -> str:
        """Return why messages were released last, unless that customer's were stored since."""
        oldest = monotonic() - _FRESH_SECONDS
        with self._lock:
            return max(
                (one for one in self._errors.values() if one[0] > oldest), default=(0.0, "")
            )[1]

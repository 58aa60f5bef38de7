"""A bridge's status on the board: its stream, its messages and their outcomes, its last error."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Lock
from time import monotonic, time

from redis.exceptions import RedisError

from tasks.board.bridge_roster import Bridge, BridgeRoster, BridgeState, Outcome

_HEARTBEAT_SECONDS = 2.0
# Seconds for which an error is shown. By then the released messages have been delivered again, to
# this bridge or another.
_ERROR_SECONDS = 150.0


class BridgeStatus:
    """The status of this bridge, set by several threads.

    If the board does not answer, the next heartbeat writes the status.
    """

    def __init__(self, identity: str, subscription: str, bridges: BridgeRoster) -> None:
        self._bridge = Bridge(identity, subscription, "waiting", time(), "", 0)
        self._bridges, self._lock = bridges, Lock()
        self._held = 0
        # customer → when its messages were last released, and why
        self._errors: dict[str, tuple[float, str]] = {}
        self._heartbeat_at = float("-inf")

    @property
    def held(self) -> int:
        """Messages that were received and are neither acknowledged nor released yet."""
        return self._held

    @property
    def state(self) -> BridgeState:
        """State of the stream."""
        return self._bridge.state

    @property
    def error(self) -> str:
        """Reason why the stream ended; empty while it is open."""
        return self._bridge.error

    def set_state(self, state: BridgeState, error: str = "") -> None:
        """Write the state of the stream, at once."""
        since = self._bridge.since if state == self._bridge.state else time()
        self._bridge = replace(self._bridge, state=state, since=since, error=error)
        self._heartbeat_at = float("-inf")
        self.heartbeat()

    def heartbeat(self) -> int | None:
        """Write the status unless that was less than two seconds ago.

        Return the number of running jobs; None if the status was not written.
        """
        if monotonic() - self._heartbeat_at <= _HEARTBEAT_SECONDS:
            return None
        self._heartbeat_at = monotonic()
        with suppress(RedisError):
            self._bridges.put(
                replace(
                    self._bridge,
                    held=self._held,
                    error=self._bridge.error or self._release_reason(),
                )
            )
            return self._bridges.jobs()
        return None

    def add_held(self, messages: int) -> None:
        """Count messages that were received."""
        with self._lock:
            self._held += messages

    def remove_held(self, messages: int, outcomes: Mapping[Outcome, int]) -> None:
        """Count messages that were acknowledged or released, by outcome."""
        self.add_held(-messages)
        with suppress(RedisError):
            self._bridges.count(outcomes)

    def mark_failing(self, customer: str, error: Exception) -> None:
        """Record why messages of the customer are released."""
        with self._lock:
            self._errors[customer] = monotonic(), str(error)

    def mark_stored(self, customer: str) -> None:
        """Record that messages of the customer were stored, which ends its error."""
        with self._lock:
            self._errors.pop(customer, None)

    def remove(self) -> None:
        """Remove this bridge from the board."""
        with suppress(RedisError):
            self._bridges.remove(self._bridge.id)

    def _release_reason(self) -> str:
        """Return why messages were released last; empty if that customer's were stored since."""
        oldest = monotonic() - _ERROR_SECONDS
        with self._lock:
            return max(
                (error for error in self._errors.values() if error[0] > oldest), default=(0.0, "")
            )[1]

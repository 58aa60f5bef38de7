"""What a bridge says of itself on the board: its stream, what it holds, what became of messages,
why some came back.
"""

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


class Standing:
    """Told by several threads. A board that is away hears it with the next beat."""

    def __init__(self, identity: str, subscription: str, bridges: BridgeRoster) -> None:
        self._bridge = Bridge(identity, subscription, "waiting", time(), "", 0)
        self._bridges, self._lock = bridges, Lock()
        self._held = 0
        # by customer, why messages were handed back last, and when
        self._errors: dict[str, tuple[float, str]] = {}
        self._beaten = float("-inf")

    @property
    def held(self) -> int:
        """Messages in our hands."""
        return self._held

    @property
    def state(self) -> BridgeState:
        return self._bridge.state

    @property
    def error(self) -> str:
        """Why the stream ended."""
        return self._bridge.error

    def say(self, state: BridgeState, error: str = "") -> None:
        """How the stream is, at once."""
        since = self._bridge.since if state == self._bridge.state else time()
        self._bridge = replace(self._bridge, state=state, since=since, error=error)
        self._beaten = float("-inf")
        self.beat()

    def beat(self) -> int | None:
        """Say that we are there, at most every two seconds; how many jobs go on, if it was said."""
        if monotonic() - self._beaten <= _BEAT_SECONDS:
            return None
        self._beaten = monotonic()
        with suppress(RedisError):
            self._bridges.put(
                replace(self._bridge, held=self._held, error=self._bridge.error or self._why_back())
            )
            return self._bridges.jobs()
        return None

    def hold(self, more: int) -> None:
        """So many messages more are in our hands."""
        with self._lock:
            self._held += more

    def let_go(self, messages: int, outcomes: Mapping[Outcome, int]) -> None:
        """So many are no longer, and came to these ends."""
        self.hold(-messages)
        with suppress(RedisError):
            self._bridges.count(outcomes)

    def fails(self, customer: str, error: Exception) -> None:
        """Messages of the customer are handed back, for this reason."""
        with self._lock:
            self._errors[customer] = monotonic(), str(error)

    def is_well(self, customer: str) -> None:
        """Messages of the customer were stored."""
        with self._lock:
            self._errors.pop(customer, None)

    def leave(self) -> None:
        """Off the board: this process ends."""
        with suppress(RedisError):
            self._bridges.remove(self._bridge.id)

    def _why_back(self) -> str:
        """The latest reason for which messages were handed back, unless those of that customer are
        well again.
        """
        oldest = monotonic() - _FRESH_SECONDS
        with self._lock:
            return max(
                (one for one in self._errors.values() if one[0] > oldest), default=(0.0, "")
            )[1]

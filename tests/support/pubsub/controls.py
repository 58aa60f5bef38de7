"""What a test may command a server, and ask it. All arguments and answers are plain JSON."""

from dataclasses import replace
from typing import Any

from tests.support.pubsub.faults import Faults
from tests.support.pubsub.state import State


class Controls:
    """The calls of a test. Each holds the server's lock.

    Names are full ones: projects/P/topics/T, projects/P/subscriptions/S.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def set_faults(self, subscription: str, **faults: Any) -> None:
        """Let a subscription misbehave as these fields of Faults say; without any, behave.

        The subscription may be created later.
        """
        self._state.faults[subscription] = replace(Faults(), **faults)
        if subscription in self._state.subscriptions:
            self._state.subscriptions[subscription].set_faults(self._state.faults[subscription])

    def refuse(self, name: str, method: str, code: str, times: int | None = None) -> None:
        """Refuse calls of this method about this topic or subscription: so many, or all.

        A refused StreamingPull refuses new streams and ends those that are open.
        """
        self._state.refusals.refuse(name, method, code, times)
        if method == "StreamingPull" and name in self._state.subscriptions:
            self._state.break_streams(self._state.subscriptions[name], code)

    def allow(self, name: str, method: str) -> None:
        """No longer refuse these calls."""
        self._state.refusals.allow(name, method)

    def break_streams(self, subscription: str) -> None:
        """Break every open stream now, as the real service does now and then."""
        self._state.break_streams(self._state.subscription(subscription), "UNAVAILABLE")

    def expire_leases(self, subscription: str, broken: bool = False) -> None:
        """Let leases end now: all of them, or with `broken` only those of broken streams."""
        state = self._state.subscription(subscription)
        for ack_id, lease in list(state.leases.items()):
            if not broken or (lease.stream is not None and lease.stream.ended):
                state.release(ack_id)

    def published(self, topic: str) -> list[dict[str, Any]]:
        """Return all messages that the topic ever got: id, data (as text) and attributes."""
        return [
            {
                "id": message.message_id,
                "data": message.data.decode(errors="surrogateescape"),
                "attributes": dict(message.attributes),
            }
            for message in self._state.topic(topic).published
        ]

    def inspect(self, subscription: str) -> dict[str, Any]:
        """Return the state of a subscription. Messages are named by their ids.

        `waiting`: copies to deliver. `outstanding`: messages on a lease. `deliveries`, `acks`: how
        often each was delivered and acknowledged; `late`: how often a request about it came after
        the deadline. `streams`, `streams_opened`.
        """
        state = self._state.subscription(subscription)
        state.release_expired()
        return {
            "waiting": len(state.waiting),
            "outstanding": [lease.copy.message.message_id for lease in state.leases.values()],
            "deliveries": dict(state.deliveries),
            "acks": dict(state.acks),
            "late": dict(state.late),
            "streams": len(state.streams),
            "streams_opened": state.streams_opened,
        }

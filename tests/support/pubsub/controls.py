"""What a test may ask of a server, and command. All arguments and answers are plain JSON."""

from dataclasses import replace
from typing import Any

from tests.support.pubsub.faults import Faults
from tests.support.pubsub.state import State


class Controls:
    """Names are full ones: projects/P/topics/T, projects/P/subscriptions/S. Each call holds the
    server's lock.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def set_faults(self, subscription: str, **faults: Any) -> None:
        """From now on as these fields of Faults say, also if the subscription is created later;
        none: behave.
        """
        self._state.faults[subscription] = replace(Faults(), **faults)
        if subscription in self._state.subscriptions:
            self._state.subscriptions[subscription].set_faults(self._state.faults[subscription])

    def refuse(self, name: str, method: str, code: str, times: int | None = None) -> None:
        """Answer calls of this method about this topic or subscription with a status: so many, or
        all.

        StreamingPull refuses new streams and ends those that are open.
        """
        self._state.refusals.refuse(name, method, code, times)
        if method == "StreamingPull" and name in self._state.subscriptions:
            self._state.break_streams(self._state.subscriptions[name], code)

    def allow(self, name: str, method: str) -> None:
        """No longer refuse it."""
        self._state.refusals.allow(name, method)

    def break_streams(self, subscription: str) -> None:
        """Break every open stream now, as the real service does now and then."""
        self._state.break_streams(self._state.subscription(subscription), "UNAVAILABLE")

    def expire_leases(self, subscription: str, broken: bool = False) -> None:
        """Let the deadlines of what is out pass now: of everything, or of what broken streams held."""
        found = self._state.subscription(subscription)
        for ack_id, lease in list(found.leases.items()):
            if not broken or (lease.stream is not None and lease.stream.ended):
                found.release(ack_id)

    def published(self, topic: str) -> list[dict[str, Any]]:
        """All messages that the topic ever got: id, data (as text) and attributes."""
        return [
            {
                "id": message.message_id,
                "data": message.data.decode(errors="surrogateescape"),
                "attributes": dict(message.attributes),
            }
            for message in self._state.topic(topic).published
        ]

    def inspect(self, subscription: str) -> dict[str, Any]:
        """How it stands. Messages are named by their ids.

        `waiting`: copies to deliver. `outstanding`: messages that are out. `deliveries`, `acks`:
        how often each was delivered and acknowledged; `late`: how often that came after the
        deadline. `streams`, `streams_opened`.
        """
        found = self._state.subscription(subscription)
        found.release_expired()
        return {
            "waiting": len(found.waiting),
            "outstanding": [lease.copy.message.message_id for lease in found.leases.values()],
            "deliveries": dict(found.deliveries),
            "acks": dict(found.acks),
            "late": dict(found.late),
            "streams": len(found.streams),
            "streams_opened": found.streams_opened,
        }

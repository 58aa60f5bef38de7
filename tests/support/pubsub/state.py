"""All topics and subscriptions of a server."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from tests.support.pubsub.faults import Faults, Refusals, Refused
from tests.support.pubsub.subscription import Copy, ServerSubscription, Stream

DELETED = "_deleted-topic_"  # the topic of a subscription whose topic was deleted
_MAX_REQUEST_MESSAGES = 1000
_MAX_REQUEST_BYTES = 10_000_000
_MAX_ATTRIBUTE_BYTES = 1024  # of a value


@dataclass
class ServerTopic:
    """A topic, and every message that was ever published to it."""

    config: Any
    published: list[Any] = field(default_factory=list)


class State:
    """The state of the server, behind one lock, which every request takes."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.topics: dict[str, ServerTopic] = {}
        self.subscriptions: dict[str, ServerSubscription] = {}
        self.faults: dict[str, Faults] = {}
        self.refusals = Refusals()
        self._numbers = itertools.count(1)

    def topic(self, name: str) -> ServerTopic:
        """Return the topic. Raises Refused."""
        return _existing(self.topics, name, "topic")

    def subscription(self, name: str) -> ServerSubscription:
        """Return the subscription. Raises Refused."""
        return _existing(self.subscriptions, name, "subscription")

    def create_topic(self, config: Any) -> None:
        _check_new(self.topics, config.name)
        self.topics[config.name] = ServerTopic(config)

    def delete_topic(self, name: str) -> None:
        self.topic(name)
        del self.topics[name]
        for subscription in self.subscriptions.values():
            if subscription.config.topic == name:
                subscription.config.topic = DELETED

    def create_subscription(self, config: Any) -> None:
        """Create the subscription, with defaults for what is left out. Raises Refused."""
        self.topic(config.topic)
        _check_new(self.subscriptions, config.name)
        config.ack_deadline_seconds = config.ack_deadline_seconds or 10
        if not 10 <= config.ack_deadline_seconds <= 600:
            raise Refused(
                "INVALID_ARGUMENT",
                f"ack_deadline_seconds is from 10 to 600: {config.ack_deadline_seconds}",
            )
        if config.HasField("dead_letter_policy"):
            policy = config.dead_letter_policy
            policy.max_delivery_attempts = policy.max_delivery_attempts or 5
            if not 5 <= policy.max_delivery_attempts <= 100:
                raise Refused(
                    "INVALID_ARGUMENT", f"max_delivery_attempts is from 5 to 100: {policy}"
                )
        faults = self.faults.get(config.name, Faults())
        self.subscriptions[config.name] = ServerSubscription(
            config, faults, self.lock, self._dead_letter
        )

    def delete_subscription(self, name: str) -> None:
        subscription = self.subscription(name)
        del self.subscriptions[name]
        self.break_streams(subscription, "NOT_FOUND")

    def publish(self, name: str, messages: Sequence[Any], size: int) -> list[str]:
        """Publish the messages; return their ids. Raises Refused."""
        topic = self.topic(name)
        _check_publish(messages, size)
        now = Timestamp()
        now.GetCurrentTime()
        for message in messages:
            message.message_id = str(next(self._numbers))
            message.publish_time.CopyFrom(now)
        topic.published.extend(messages)
        for subscription in self.subscriptions.values():
            if subscription.config.topic == name:
                subscription.add(messages)
        return [message.message_id for message in messages]

    def open_stream(self, request: Any) -> tuple[ServerSubscription, Stream]:
        """Open a stream of the requested subscription. Raises Refused."""
        subscription = self.subscription(request.subscription)
        seconds = request.stream_ack_deadline_seconds
        if not 10 <= seconds <= 600:
            raise Refused(
                "INVALID_ARGUMENT", f"stream_ack_deadline_seconds is from 10 to 600: {seconds}"
            )
        stream = Stream(seconds, request.max_outstanding_messages, request.max_outstanding_bytes)
        subscription.streams.append(stream)
        subscription.streams_opened += 1
        subscription.changed.notify_all()
        return subscription, stream

    def break_streams(self, subscription: ServerSubscription, code: str) -> None:
        """Break every stream with this status."""
        for stream in subscription.streams:
            stream.broken = code
        subscription.changed.notify_all()

    def wait(
        self, subscription: ServerSubscription, until: Callable[[], Any], end: float | None
    ) -> Any:
        """Return the condition's first true value, or its last one at `end`.

        Messages whose leases end come back meanwhile.
        """
        while not (value := until()):
            now = time.monotonic()
            if end is not None and now >= end:
                return value
            times = [at for at in (end, subscription.next_expiry()) if at is not None]
            subscription.changed.wait(max(0.0, min(times) - now) if times else None)
        return value

    def _dead_letter(self, config: Any, copy: Copy) -> None:
        """Publish the message to the dead-letter topic, with its origin.

        Without that topic it is delivered again.
        """
        source, target = config.name.split("/"), config.dead_letter_policy.dead_letter_topic
        if target not in self.topics:
            self.subscriptions[config.name].waiting.append(copy)
            return
        dead = type(copy.message)()
        dead.data = copy.message.data
        dead.attributes.update(copy.message.attributes)
        dead.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = str(copy.attempts)
        dead.attributes["CloudPubSubDeadLetterSourceSubscription"] = source[-1]
        dead.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = source[1]
        dead.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = (
            copy.message.publish_time.ToJsonString()
        )
        self.publish(target, [dead], dead.ByteSize())


def _existing(resources: dict[str, Any], name: str, kind: str) -> Any:
    if name not in resources:
        raise Refused("NOT_FOUND", f"Resource not found (resource={name}): there is no such {kind}")
    return resources[name]


def _check_new(resources: dict[str, Any], name: str) -> None:
    if len(name.split("/")) != 4:
        raise Refused(
            "INVALID_ARGUMENT",
            f"a name has the form projects/P/topics/T or projects/P/subscriptions/S: {name}",
        )
    if name in resources:
        raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={name})")


def _check_publish(messages: Sequence[Any], size: int) -> None:
    if size > _MAX_REQUEST_BYTES:
        raise Refused(
            "INVALID_ARGUMENT",
            f"the request has {size} bytes, more than the limit of {_MAX_REQUEST_BYTES}",
        )
    if not 1 <= len(messages) <= _MAX_REQUEST_MESSAGES:
        raise Refused(
            "INVALID_ARGUMENT",
            f"a request holds 1 to {_MAX_REQUEST_MESSAGES} messages, not {len(messages)}",
        )
    for message in messages:
        if not message.data and not message.attributes:
            raise Refused("INVALID_ARGUMENT", "a message needs data or an attribute")
        if any(len(value.encode()) > _MAX_ATTRIBUTE_BYTES for value in message.attributes.values()):
            raise Refused(
                "INVALID_ARGUMENT", f"an attribute has at most {_MAX_ATTRIBUTE_BYTES} bytes"
            )

"""A Pub/Sub subscription: messages as they stream in, and their acknowledgement.

google-cloud-pubsub is imported when a subscription is opened, and only there; PUBSUB_EMULATOR_HOST
and credentials are its own business.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from functools import partial
from queue import Queue
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from intake.messages.client import error_text, pubsub_v1, retry_for
from intake.messages.message import Message
from storage.errors import ChorusError

if TYPE_CHECKING:
    from google.cloud.pubsub_v1.subscriber.message import Message as Delivered

# A crash hands back what it held when the last extension runs out; so each is this long and no
# longer.
LEASE_SECONDS = 60
_HELD_SECONDS = 600  # after which a message that we still hold is left to others
_ANSWER_SECONDS = 20.0  # that the service may take to answer acknowledgements
_LATE_SECONDS = 10.0  # for which a request about messages of a closed stream is tried
_AT_ONCE = 1000  # acknowledgements in one request; the service takes half a megabyte of them

log = logging.getLogger(__name__)


class PullStopped(ChorusError):
    """The stream of messages ended, and the client does not open it again by itself."""

    def __init__(self, subscription: str, reason: str) -> None:
        self.subscription, self.reason = subscription, reason
        super().__init__(
            f"No messages come from {subscription}: {reason}. See that it exists (`chorus bridge --create` makes it) "
            "and that these credentials may pull from it."
        )


@dataclass(frozen=True, eq=False)
class ReceivedMessage:
    """A message in our hands: it is ours until it is acknowledged, or handed back."""

    message: Message
    delivered: "Delivered"
    stream: Any  # Any: the client has no types; the future of the stream that it came with


class Subscription:
    """One subscription and, once it is open, one stream of its messages at a time."""

    def __init__(self, name: str, most_messages: int, most_bytes: int) -> None:
        """At most so many messages, and bytes of them, are in our hands at any time. Raises
        PubSubNotInstalled, PullStopped.
        """
        client = pubsub_v1()
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        self.name = name
        self._errors = (GoogleAPIError, GoogleAuthError)
        self._retry = retry_for(_LATE_SECONDS)
        self._flow = client.types.FlowControl(
            max_messages=most_messages,
            max_bytes=most_bytes,
            max_lease_duration=_HELD_SECONDS,
            min_duration_per_lease_extension=LEASE_SECONDS,
            max_duration_per_lease_extension=LEASE_SECONDS,
        )
        try:
            self._client = client.SubscriberClient()
        except self._errors as error:
            raise PullStopped(name, error_text(error)) from error
        self._stream: Any = None
        # held while acknowledgements are handed to a stream, which must not close meanwhile
        self._stopping = Lock()

    def open(self, take: Callable[[ReceivedMessage], None]) -> None:
        """Begin a stream that hands each message to `take`, from a thread of the client's. Raises
        PullStopped.
        """
        opened: list[Any] = []
        ready = Event()

        def received(delivered: "Delivered") -> None:
            ready.wait()
            message = Message(delivered.data, dict(delivered.attributes), delivered.message_id)
            take(ReceivedMessage(message, delivered, opened[0]))

        try:
            opened.append(
                self._client.subscribe(
                    self.name, received, self._flow, scheduler=_immediate_scheduler()
                )
            )
        except self._errors as error:
            raise PullStopped(self.name, error_text(error)) from error
        ready.set()
        self._stream = opened[0]

    def wait(self, seconds: float) -> None:
        """Return after so long. Raises PullStopped as soon as the stream has ended."""
        try:
            self._stream.result(timeout=seconds)
        except Late:
            return
        except Exception as error:  # whatever ended it, it was not us
            raise PullStopped(self.name, error_text(error)) from error
        raise PullStopped(self.name, "the client closed the stream")

    def stop(self) -> None:
        """Take no more messages; those in our hands can still be acknowledged."""
        if self._stream is None:
            return
        # it closes in a thread of its own, and forgets what it is handed meanwhile
        with self._stopping:
            self._stream.cancel()
            try:
                self._stream.result(timeout=_ANSWER_SECONDS)
            except Exception as error:  # it had ended before, which was said then
                log.debug("the stream had ended: %s", error)

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def acknowledge(self, messages: Sequence[ReceivedMessage]) -> int:
        """Acknowledge them, and where the service delivers exactly once wait for its answers.

        How many it did not confirm: these come again.
        """
        with self._stopping:
            late = [one for one in messages if not one.stream.running()]
            answers = [
                one.delivered.ack_with_response() for one in messages if one.stream.running()
            ]
        failed, end = self._ask(self._client.acknowledge, late), monotonic() + _ANSWER_SECONDS
        for answer in answers:
            try:
                answer.result(timeout=max(0.0, end - monotonic()))
            except Exception as error:  # AcknowledgeError, or no answer in time
                failed += 1
                log.debug("not acknowledged: %s", error)
        return failed

    def release(self, messages: Sequence[ReceivedMessage]) -> None:
        """Leave them to others: they come again when their leases run out, within a minute, or at
        once after `stop`.
        """
        with self._stopping:
            late = [one for one in messages if not one.stream.running()]
            for one in messages:
                if one.stream.running():
                    one.delivered.drop()
        self._ask(partial(self._client.modify_ack_deadline, ack_deadline_seconds=0), late)

    def _ask(self, what: Callable[..., Any], messages: Sequence[ReceivedMessage]) -> int:
        """Of messages whose stream is closed, which takes no requests any more. How many were not
        done.
        """
        failed = 0
        for start in range(0, len(messages), _AT_ONCE):
            ids = [one.delivered.ack_id for one in messages[start : start + _AT_ONCE]]
            try:
                what(subscription=self.name, ack_ids=ids, retry=self._retry, timeout=_LATE_SECONDS)
            except self._errors as error:
                failed += len(ids)
                log.warning("%d messages will come again: %s", len(ids), error_text(error))
        return failed


def _immediate_scheduler() -> Any:
    """A scheduler that hands a message over where it arrives, since `take` only puts it in a queue."""
    from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler

    class AtOnce(Scheduler):  # type: ignore[misc]  # the client has no types
        def __init__(self) -> None:
            self._requests: Queue[Any] = Queue()

        @property
        def queue(self) -> Queue[Any]:
            return self._requests

        def schedule(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
            callback(*args, **kwargs)

        def shutdown(self, await_msg_callbacks: bool = False) -> list[Any]:
            del await_msg_callbacks  # none is ever waiting
            return []

    return AtOnce()

"""A Pub/Sub subscription: a stream of its messages, and their acknowledgement.

google-cloud-pubsub is imported only when a subscription is opened; it reads PUBSUB_EMULATOR_HOST
and finds credentials by itself.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
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
    from google.cloud.pubsub_v1.subscriber.message import Message as DeliveredMessage

# After a crash the messages are delivered again when their last extension ends; so each extension
# is this long and no longer.
LEASE_SECONDS = 60
_MAX_HELD_SECONDS = 600  # after which a message that is still held is left to other bridges
_ANSWER_SECONDS = 20.0  # that the service may take to answer acknowledgements
_LATE_SECONDS = 10.0  # for which a request about messages of a closed stream is tried
_IDS_PER_REQUEST = 1000  # acknowledgements in one request; the service takes half a megabyte

log = logging.getLogger(__name__)


class PullStopped(ChorusError):
    """The stream of messages ended, and the client does not open it again by itself."""

    def __init__(self, subscription: str, reason: str) -> None:
        self.subscription, self.reason = subscription, reason
        super().__init__(
            f"No messages come from {subscription}: {reason}. See that it exists (`chorus bridge "
            "--create` makes it) and that these credentials may pull from it."
        )


@dataclass(frozen=True, eq=False)
class ReceivedMessage:
    """A message that this process holds until it acknowledges or releases it."""

    message: Message
    delivered: "DeliveredMessage"
    stream: Any  # Any: the client has no types; the future of the stream that it came with


class Subscription:
    """One subscription and, once it is open, one stream of its messages at a time."""

    def __init__(self, name: str, max_messages: int, max_bytes: int) -> None:
        """Limit the messages, and their bytes, that this process holds at any time.

        Raises PubSubNotInstalled, PullStopped.
        """
        client = pubsub_v1()
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        self.name = name
        self._errors = (GoogleAPIError, GoogleAuthError)
        self._retry = retry_for(_LATE_SECONDS)
        self._flow = client.types.FlowControl(
            max_messages=max_messages,
            max_bytes=max_bytes,
            max_lease_duration=_MAX_HELD_SECONDS,
            min_duration_per_lease_extension=LEASE_SECONDS,
            max_duration_per_lease_extension=LEASE_SECONDS,
        )
        try:
            self._client = client.SubscriberClient()
        except self._errors as error:
            raise PullStopped(name, error_text(error)) from error
        self._stream: Any = None
        # Held while acknowledgements are handed to a stream, which must not close meanwhile.
        self._stopping = Lock()

    def open(self, on_message: Callable[[ReceivedMessage], None]) -> None:
        """Open a stream that calls `on_message` for each message, from a thread of the client.

        Raises PullStopped.
        """
        opened: list[Any] = []
        ready = Event()

        def receive(delivered: "DeliveredMessage") -> None:
            ready.wait()
            message = Message(delivered.data, dict(delivered.attributes), delivered.message_id)
            on_message(ReceivedMessage(message, delivered, opened[0]))

        try:
            opened.append(
                self._client.subscribe(
                    self.name, receive, self._flow, scheduler=_immediate_scheduler()
                )
            )
        except self._errors as error:
            raise PullStopped(self.name, error_text(error)) from error
        ready.set()
        self._stream = opened[0]

    def wait(self, seconds: float) -> None:
        """Return after so many seconds. Raises PullStopped as soon as the stream has ended."""
        try:
            self._stream.result(timeout=seconds)
        except FutureTimeoutError:
            return
        except Exception as error:  # whatever ended the stream, it was not `stop`
            raise PullStopped(self.name, error_text(error)) from error
        raise PullStopped(self.name, "the client closed the stream")

    def stop(self) -> None:
        """Receive no more messages; those that are held can still be acknowledged."""
        if self._stream is None:
            return
        # The stream closes in a thread of its own, and loses requests that it gets meanwhile.
        with self._stopping:
            self._stream.cancel()
            try:
                self._stream.result(timeout=_ANSWER_SECONDS)
            except Exception as error:  # it had ended before; `wait` has reported that
                log.debug("the stream had ended: %s", error)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def acknowledge(self, messages: Sequence[ReceivedMessage]) -> int:
        """Acknowledge the messages; return how many the service did not confirm.

        Those are delivered again. Where the service delivers exactly once, this waits for its
        answers.
        """
        with self._stopping:
            late = [each for each in messages if not each.stream.running()]
            answers = [
                each.delivered.ack_with_response() for each in messages if each.stream.running()
            ]
        failed = self._request_for_late(self._client.acknowledge, late)
        deadline = monotonic() + _ANSWER_SECONDS
        for answer in answers:
            try:
                answer.result(timeout=max(0.0, deadline - monotonic()))
            except Exception as error:  # AcknowledgeError, or no answer in time
                failed += 1
                log.debug("not acknowledged: %s", error)
        return failed

    def release(self, messages: Sequence[ReceivedMessage]) -> None:
        """Leave the messages to other bridges.

        They are delivered again when their acknowledgement deadlines end, within a minute, or at
        once after `stop`.
        """
        with self._stopping:
            late = [each for each in messages if not each.stream.running()]
            for each in messages:
                if each.stream.running():
                    each.delivered.drop()
        self._request_for_late(
            partial(self._client.modify_ack_deadline, ack_deadline_seconds=0), late
        )

    def _request_for_late(
        self, request: Callable[..., Any], messages: Sequence[ReceivedMessage]
    ) -> int:
        """Make a request about messages whose stream is closed; return for how many it failed.

        A closed stream takes no requests itself.
        """
        failed = 0
        for start in range(0, len(messages), _IDS_PER_REQUEST):
            ids = [each.delivered.ack_id for each in messages[start : start + _IDS_PER_REQUEST]]
            try:
                request(
                    subscription=self.name, ack_ids=ids, retry=self._retry, timeout=_LATE_SECONDS
                )
            except self._errors as error:
                failed += len(ids)
                log.warning("%d messages will be delivered again: %s", len(ids), error_text(error))
        return failed


def _immediate_scheduler() -> Any:
    """Return a scheduler that calls back in the thread in which a message arrives.

    That is enough, since the callback only puts the message in a queue.
    """
    from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler

    class ImmediateScheduler(Scheduler):  # type: ignore[misc]  # the client has no types
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

    return ImmediateScheduler()

"""Outgoing messages: results and dead letters, published to topics of Google Cloud Pub/Sub."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any, Self

from intake.messages.client import pubsub_v1, retry_for
from storage.errors import BadRequest, ChorusError

# of a message's data: the service takes 10 MB a request, with 100 attributes of 1.3 kB in it
MAX_DATA_BYTES = 9_800_000
MAX_ATTRIBUTE_BYTES = 1024  # of an attribute's value that the service takes
_MAX_REQUEST_MESSAGES = 1000  # that the service takes at once
# A request is sent when it has so many: a larger one would be no faster, and takes memory.
_REQUEST_BYTES = 1_000_000
_RETRY_SECONDS = 10.0  # for which a request is tried again

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


@dataclass(frozen=True)
class OutgoingMessage:
    """One message to publish.

    An attribute's value has up to MAX_ATTRIBUTE_BYTES bytes, and its name up to 256.
    """

    data: bytes
    attributes: Mapping[str, str]


class BadTopic(BadRequest):
    """A name is not the full name of a topic."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is no topic. Give its full name: projects/PROJECT/topics/TOPIC."
        )


class TopicUnavailable(ChorusError):
    """The service did not take some of the messages, and may take them later."""

    def __init__(self, topic: str, reason: str) -> None:
        self.topic, self.reason = topic, reason
        super().__init__(
            f"The topic {topic} takes no messages now: {reason}. Make it, let this service's "
            "account publish to it (roles/pubsub.publisher), or wait until it is there again: "
            "whatever it did not take is published then."
        )


class MessageRefused(ChorusError):
    """The service refused a request because of its content."""

    def __init__(self, topic: str, reason: str) -> None:
        self.topic, self.reason = topic, reason
        super().__init__(
            f"The topic {topic} refused a message: {reason}. It would refuse it again; report this."
        )


class Topic:
    """One topic to publish to. `client`: a pubsub_v1.PublisherClient."""

    def __init__(self, name: str, client: Any, retry_seconds: float = _RETRY_SECONDS) -> None:
        self.name, self._client, self._retry_seconds = name, client, retry_seconds

    def publish(self, messages: Sequence[OutgoingMessage]) -> None:
        """Publish the messages; return when the service has confirmed all of them.

        Raises TopicUnavailable, MessageRefused; some messages, or all, may be published even so.

        The requests are sent one after the other, each as soon as it is full, so that a single
        message does not wait for others, and millions take the memory of one request. The client's
        own method collects messages in threads of its own, for seven times the processor time.
        """
        from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, InvalidArgument
        from google.auth.exceptions import GoogleAuthError
        from google.pubsub_v1 import PublisherClient

        retry = retry_for(self._retry_seconds)
        try:
            for request in self._requests(messages):
                PublisherClient.publish(
                    self._client, request=request, retry=retry, timeout=self._retry_seconds
                )
        except InvalidArgument as error:
            raise MessageRefused(self.name, error.message) from error
        except GoogleAPICallError as error:
            raise TopicUnavailable(self.name, error.message) from error
        except (GoogleAPIError, GoogleAuthError) as error:
            raise TopicUnavailable(self.name, str(error)) from error

    def _requests(self, messages: Sequence[OutgoingMessage]) -> Iterator[Any]:
        """Yield full requests.

        They are built of the protocol's own classes: the wrappers around them take more time than
        everything else.
        """
        from google.pubsub_v1.types import PublishRequest, PubsubMessage

        new_request, new_message = PublishRequest.pb(), PubsubMessage.pb()
        request, size = new_request(topic=self.name), 0
        for message in messages:
            encoded = new_message(data=message.data, attributes=dict(message.attributes))
            if size and (
                len(request.messages) == _MAX_REQUEST_MESSAGES
                or size + encoded.ByteSize() > _REQUEST_BYTES
            ):
                yield PublishRequest.wrap(request)
                request, size = new_request(topic=self.name), 0
            request.messages.append(encoded)
            size += encoded.ByteSize()
        if size:
            yield PublishRequest.wrap(request)


class Topics:
    """The topics that this process publishes to, from any thread.

    They share one client, which is made when the first topic is needed.
    """

    def __init__(self, retry_seconds: float = _RETRY_SECONDS) -> None:
        self._retry_seconds, self._lock = retry_seconds, Lock()
        self._client: Any = None

    def topic(self, name: str) -> Topic:
        """Return the topic of this full name.

        Raises BadTopic, PubSubNotInstalled, and TopicUnavailable where there are no credentials.
        """
        check_topic_name(name)
        with self._lock:
            if self._client is None:
                self._client = _make_client(name)
            return Topic(name, self._client, self._retry_seconds)

    def close(self) -> None:
        """Close the client; `topic` makes another when one is needed again."""
        with self._lock:
            if self._client is not None:
                self._client.transport.close()
                self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check_topic_name(name: str) -> str:
    """Return the full name of a topic unchanged. Raises BadTopic."""
    if not _TOPIC.fullmatch(name):
        raise BadTopic(name)
    return name


def _make_client(topic: str) -> Any:
    """Return a client; it talks to PUBSUB_EMULATOR_HOST where that is set."""
    make = pubsub_v1().PublisherClient
    from google.auth.exceptions import GoogleAuthError

    try:
        return make()
    except GoogleAuthError as error:
        raise TopicUnavailable(topic, str(error)) from error

"""Messages that go out, to topics of Google Cloud Pub/Sub: results, and what could not be taken in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any, Self

from intake.messages.client import pubsub_v1, retry_for
from storage.errors import BadRequest, ChorusError

# of a message's data: the service takes 10 MB a request, 100 attributes of 1.3 kB in it
MAX_DATA_BYTES = 9_800_000
MAX_ATTRIBUTE_BYTES = 1024  # bytes of an attribute's value that the service takes
_REQUEST_MESSAGES = 1000  # that the service takes at once
# after which a request goes off: a larger one would be no faster, and takes memory
_REQUEST_BYTES = 1_000_000
_PATIENCE = 10.0  # seconds for which a request is tried again

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


@dataclass(frozen=True)
class OutgoingMessage:
    """One message. An attribute's value has up to MOST_ATTRIBUTE bytes, and its name up to 256."""

    data: bytes
    attributes: Mapping[str, str]


class BadTopic(BadRequest):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is no topic. Give its full name: projects/PROJECT/topics/TOPIC."
        )


class TopicUnavailable(ChorusError):
    """The service has not taken some of the messages, and might do so later."""

    def __init__(self, topic: str, reason: str) -> None:
        self.topic, self.reason = topic, reason
        super().__init__(
            f"The topic {topic} takes no messages now: {reason}. Make it, let this service's account publish to it "
            "(roles/pubsub.publisher), or wait until it is there again: whatever it did not take is published then."
        )


class MessageRefused(ChorusError):
    """The service refused a request for what is in it."""

    def __init__(self, topic: str, reason: str) -> None:
        self.topic, self.reason = topic, reason
        super().__init__(
            f"The topic {topic} refused a message: {reason}. It would refuse it again; report this."
        )


class Topic:
    """Where messages go. `client`: a pubsub_v1.PublisherClient."""

    def __init__(self, name: str, client: Any, patience: float = _PATIENCE) -> None:
        self.name, self._client, self._patience = name, client, patience

    def publish(self, messages: Sequence[OutgoingMessage]) -> None:
        """Returns when the service has confirmed them all. Raises TopicUnavailable, MessageRefused.

        Some of them, or all, may be taken though it raises. One request after the other, each as
        soon as it is full, so that a single message does not wait for others, and millions take the
        memory of one request. The client's own way gathers messages in threads of its own, for
        seven times the processor time.
        """
        from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError, InvalidArgument
        from google.auth.exceptions import GoogleAuthError
        from google.pubsub_v1 import PublisherClient

        retry = retry_for(self._patience)
        try:
            for request in self._requests(messages):
                PublisherClient.publish(
                    self._client, request=request, retry=retry, timeout=self._patience
                )
        except InvalidArgument as error:
            raise MessageRefused(self.name, error.message) from error
        except GoogleAPICallError as error:
            raise TopicUnavailable(self.name, error.message) from error
        except (GoogleAPIError, GoogleAuthError) as error:
            raise TopicUnavailable(self.name, str(error)) from error

    def _requests(self, messages: Sequence[OutgoingMessage]) -> Iterator[Any]:
        """Full ones, of the protocol's own classes: those around them cost more time than all the
        rest.
        """
        from google.pubsub_v1.types import PublishRequest, PubsubMessage

        request_of, message_of = PublishRequest.pb(), PubsubMessage.pb()
        request, size = request_of(topic=self.name), 0
        for message in messages:
            built = message_of(data=message.data, attributes=dict(message.attributes))
            if size and (
                len(request.messages) == _REQUEST_MESSAGES
                or size + built.ByteSize() > _REQUEST_BYTES
            ):
                yield PublishRequest.wrap(request)
                request, size = request_of(topic=self.name), 0
            request.messages.append(built)
            size += built.ByteSize()
        if size:
            yield PublishRequest.wrap(request)


class Topics:
    """The topics that this process publishes to, from any thread, over one client that is made when
    first needed.
    """

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience, self._lock = patience, Lock()
        self._client: Any = None

    def topic(self, name: str) -> Topic:
        """Raises BadTopic, PubSubNotInstalled, and TopicUnavailable where there are no credentials."""
        check_topic_name(name)
        with self._lock:
            if self._client is None:
                self._client = _client(name)
            return Topic(name, self._client, self._patience)

    def close(self) -> None:
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


def _client(topic: str) -> Any:
    """It talks to PUBSUB_EMULATOR_HOST where that is set."""
    make = pubsub_v1().PublisherClient
    from google.auth.exceptions import GoogleAuthError

    try:
        return make()
    except GoogleAuthError as error:
        raise TopicUnavailable(topic, str(error)) from error

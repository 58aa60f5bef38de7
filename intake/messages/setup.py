"""Creation of topics and a subscription where they are missing."""

from collections.abc import Iterator
from typing import Any

from intake.messages.client import error_text, pubsub_v1, retry_for
from intake.messages.subscription import LEASE_SECONDS
from storage.errors import ChorusError

_SECONDS = 10.0  # for which a request is tried: a person waits for it
# The service keeps messages that are not acknowledged for so long, the longest that is free.
_RETENTION_DAYS = 7


class PubSubNotCreated(ChorusError):
    """The service did not create a topic or a subscription."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"{name} could not be made: {reason}. See that the service can be reached, and that "
            "these credentials may do it (roles/pubsub.editor); or do it by hand."
        )


def full_topic_name(subscription: str, topic: str | None) -> str:
    """Return the full name of a topic; by default the subscription's name, in its project."""
    if topic is not None and topic.startswith("projects/"):
        return topic
    _, project, _, name = subscription.split("/")
    return f"projects/{project}/topics/{topic or name}"


def create_resources(
    topics: list[str], subscription: str | None, topic: str, *, exactly_once: bool
) -> Iterator[str]:
    """Create those topics, and the subscription to `topic`, that do not exist yet.

    Yields a line for people about each as it is made, and one if the subscription exists and
    belongs to another topic. Raises PubSubNotCreated, PubSubNotInstalled.
    """
    client = pubsub_v1()
    from google.api_core.exceptions import AlreadyExists, GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    name = topic
    limits: Any = {"retry": retry_for(_SECONDS), "timeout": _SECONDS}
    try:
        with client.SubscriberClient() as subscriber, client.PublisherClient() as publisher:
            for name in topics:
                try:
                    publisher.create_topic(name=name, **limits)
                except AlreadyExists:
                    continue
                yield f"made {name}"
            if subscription is None:
                return
            name = subscription
            request = {
                "name": subscription,
                "topic": topic,
                "ack_deadline_seconds": LEASE_SECONDS,
                "message_retention_duration": {"seconds": _RETENTION_DAYS * 24 * 3600},
                "expiration_policy": {},  # none: it must not expire in a month without messages
                "enable_exactly_once_delivery": exactly_once,
            }
            try:
                subscriber.create_subscription(request=request, **limits)
            except AlreadyExists:
                existing = subscriber.get_subscription(subscription=subscription, **limits)
                if existing.topic != topic:
                    yield (
                        f"{subscription} exists and stays as it is: its topic is {existing.topic}, "
                        f"not {topic}"
                    )
                return
            yield f"made {subscription}, to {topic}"
    except (GoogleAPIError, GoogleAuthError) as error:
        raise PubSubNotCreated(name, error_text(error)) from error

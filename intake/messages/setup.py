"""Topics and a subscription, made where they are missing."""

from collections.abc import Iterator
from typing import Any

from intake.messages.client import error_text, pubsub_v1, retry_for
from intake.messages.subscription import LEASE_SECONDS
from storage.errors import ChorusError

_SECONDS = 10.0  # for which a request is tried: somebody waits
# that the service keeps what nobody acknowledges, the longest that it does for nothing
_KEPT_DAYS = 7


class PubSubNotCreated(ChorusError):
    """The service did not make it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"{name} could not be made: {reason}. See that the service can be reached, and that these credentials may "
            "do it (roles/pubsub.editor); or do it by hand."
        )


def full_topic_name(subscription: str, topic: str | None) -> str:
    """The full name of the topic called `topic`, or else as the subscription is, in the
    subscription's project.
    """
    if topic is not None and topic.startswith("projects/"):
        return topic
    _, project, _, name = subscription.split("/")
    return f"projects/{project}/topics/{topic or name}"


def create_resources(
    topics: list[str], subscription: str | None, topic: str, *, exactly_once: bool
) -> Iterator[str]:
    """Make those topics, and the subscription to `topic`, that are not there yet; what was made, as
    it is made.

    Also said is that a subscription which is there hears of another topic. Raises PubSubNotCreated,
    PubSubNotInstalled.
    """
    client = pubsub_v1()
    from google.api_core.exceptions import AlreadyExists, GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    name = topic
    patience: Any = {"retry": retry_for(_SECONDS), "timeout": _SECONDS}
    try:
        with client.SubscriberClient() as subscriber, client.PublisherClient() as publisher:
            for name in topics:
                try:
                    publisher.create_topic(name=name, **patience)
                except AlreadyExists:
                    continue
                yield f"made {name}"
            if subscription is None:
                return
            name = subscription
            asked = {
                "name": subscription,
                "topic": topic,
                "ack_deadline_seconds": LEASE_SECONDS,
                "message_retention_duration": {"seconds": _KEPT_DAYS * 24 * 3600},
                "expiration_policy": {},  # a quiet month is no reason to lose it
                "enable_exactly_once_delivery": exactly_once,
            }
            try:
                subscriber.create_subscription(request=asked, **patience)
            except AlreadyExists:
                heard = subscriber.get_subscription(subscription=subscription, **patience).topic
                if heard != topic:
                    yield f"{subscription} is there, and stays as it is: it hears of {heard}, not of {topic}"
                return
            yield f"made {subscription}, to {topic}"
    except (GoogleAPIError, GoogleAuthError) as error:
        raise PubSubNotCreated(name, error_text(error)) from error

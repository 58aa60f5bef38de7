"""Whether a subscription can be pulled from, and a topic published to, for all that the service
says of them.
"""

from collections.abc import Callable
from typing import Any

from intake.messages.client import pubsub_v1
from storage.errors import ChorusError

_SECONDS = 5.0  # for one request: who asks is waiting
_DELETED = "_deleted-topic_"  # what a subscription names when its topic is gone


class PubSubNotUsable(ChorusError):
    """It is not there, it is not ours to use, or the service does not answer."""

    def __init__(self, name: str, reason: str, role: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"{name} cannot be used: {reason}. `chorus bridge --create` makes what is missing; these credentials need "
            f"{role}."
        )


def check_can_pull(name: str) -> str:
    """The topic that it hears of, as far as we may know. Raises PubSubNotUsable, PubSubNotInstalled."""
    role = "roles/pubsub.subscriber on it"

    def get(client: Any) -> str:
        topic: str = client.get_subscription(subscription=name, retry=None, timeout=_SECONDS).topic
        return topic

    topic = _look(name, pubsub_v1().SubscriberClient, get, "pubsub.subscriptions.consume", role)
    if topic == _DELETED:
        raise PubSubNotUsable(
            name, "its topic was deleted, so it hears of nothing; delete it, too", role
        )
    return topic or "a topic that these credentials may not see"


def check_can_publish(name: str) -> None:
    """Raises PubSubNotUsable, PubSubNotInstalled."""

    def get(client: Any) -> str:
        client.get_topic(topic=name, retry=None, timeout=_SECONDS)
        return ""

    _look(
        name,
        pubsub_v1().PublisherClient,
        get,
        "pubsub.topics.publish",
        "roles/pubsub.publisher on it",
    )


def _look(
    name: str, make: Callable[[], Any], get: Callable[[Any], str], permission: str, role: str
) -> str:
    """What `get` finds; "" where we may use the thing and not look at it, as these roles by
    themselves allow.
    """
    from google.api_core.exceptions import GoogleAPICallError, PermissionDenied
    from google.auth.exceptions import GoogleAuthError

    try:
        with make() as client:
            try:
                return get(client)
            except PermissionDenied:
                asked = {"resource": name, "permissions": [permission]}
                if (
                    permission
                    not in client.test_iam_permissions(
                        asked, retry=None, timeout=_SECONDS
                    ).permissions
                ):
                    raise
                return ""
    except GoogleAPICallError as error:
        raise PubSubNotUsable(name, error.message or type(error).__name__, role) from error
    except GoogleAuthError as error:
        raise PubSubNotUsable(name, str(error), role) from error

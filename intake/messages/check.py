"""Checks whether a subscription can be pulled from, and a topic published to, as far as the service
tells.
"""

from collections.abc import Callable
from typing import Any

from intake.messages.client import pubsub_v1
from storage.errors import ChorusError

_SECONDS = 5.0  # for one request: a person waits for the answer
_DELETED = "_deleted-topic_"  # the topic of a subscription whose topic was deleted


class PubSubNotUsable(ChorusError):
    """A topic or a subscription is missing, may not be used, or the service does not answer."""

    def __init__(self, name: str, reason: str, role: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"{name} cannot be used: {reason}. `chorus bridge --create` makes what is missing; "
            f"these credentials need {role}."
        )


def check_can_pull(name: str) -> str:
    """Return the topic of a subscription, or a remark if these credentials may not see it.

    Raises PubSubNotUsable, PubSubNotInstalled.
    """
    role = "roles/pubsub.subscriber on it"

    def get(client: Any) -> str:
        topic: str = client.get_subscription(subscription=name, retry=None, timeout=_SECONDS).topic
        return topic

    topic = _check(name, pubsub_v1().SubscriberClient, get, "pubsub.subscriptions.consume", role)
    if topic == _DELETED:
        raise PubSubNotUsable(
            name, "its topic was deleted, so it gets no messages; delete it, too", role
        )
    return topic or "a topic that these credentials may not see"


def check_can_publish(name: str) -> None:
    """Check that these credentials may publish to a topic.

    Raises PubSubNotUsable, PubSubNotInstalled.
    """

    def get(client: Any) -> str:
        client.get_topic(topic=name, retry=None, timeout=_SECONDS)
        return ""

    _check(
        name,
        pubsub_v1().PublisherClient,
        get,
        "pubsub.topics.publish",
        "roles/pubsub.publisher on it",
    )


def _check(
    name: str, make_client: Callable[[], Any], get: Callable[[Any], str], permission: str, role: str
) -> str:
    """Return what `get` returns, or "" if the permission is there and only `get` is denied.

    The narrow roles allow the use of a topic or subscription and no look at it.
    """
    from google.api_core.exceptions import GoogleAPICallError, PermissionDenied
    from google.auth.exceptions import GoogleAuthError

    try:
        with make_client() as client:
            try:
                return get(client)
            except PermissionDenied:
                request = {"resource": name, "permissions": [permission]}
                granted = client.test_iam_permissions(request, retry=None, timeout=_SECONDS)
                if permission not in granted.permissions:
                    raise
                return ""
    except GoogleAPICallError as error:
        raise PubSubNotUsable(name, error.message or type(error).__name__, role) from error
    except GoogleAuthError as error:
        raise PubSubNotUsable(name, str(error), role) from error

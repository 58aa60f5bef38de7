"""Google's client for Pub/Sub, imported by who uses it alone: it takes 0.3 s, and most installations have no topic."""

from importlib.util import find_spec
from typing import Any

from storage.errors import BadRequest


class NoPubSub(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "A topic or a subscription is set, and google-cloud-pubsub is not installed. Run: pip install 'chorus[gcp]'"
        )


def check_installed() -> None:
    """Raises NoPubSub. Nothing is imported: whoever starts processes should have no gRPC, which survives no fork."""
    try:
        found = find_spec("google.cloud.pubsub_v1")
    except ModuleNotFoundError:  # there is no google.cloud at all
        found = None
    if found is None:
        raise NoPubSub


def pubsub_v1() -> Any:  # Any: the package has no types
    """The package `google.cloud.pubsub_v1`. Raises NoPubSub."""
    try:
        from google.cloud import pubsub_v1
    except ImportError:
        raise NoPubSub from None
    return pubsub_v1


def reason(error: Exception) -> str:
    """What an error of the client says; of one that gave up trying, what the last try ended in."""
    cause = getattr(error, "cause", None) or error
    return getattr(cause, "message", None) or str(cause) or type(cause).__name__

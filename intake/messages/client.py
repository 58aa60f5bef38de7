"""Google's client for Pub/Sub. It is imported only where it is used.

The import takes 0.3 s, and most installations have no topic.
"""

from importlib.util import find_spec
from typing import Any

from storage.errors import BadRequest


class PubSubNotInstalled(BadRequest):
    """A topic or a subscription is set, and the client's package is missing."""

    def __init__(self) -> None:
        super().__init__(
            "A topic or a subscription is set, and google-cloud-pubsub is not installed. "
            "Run: pip install 'chorus[gcp]'"
        )


def check_installed() -> None:
    """Raise PubSubNotInstalled if the client's package is missing.

    Nothing is imported: a process that starts others should not hold gRPC, which does not survive a
    fork.
    """
    try:
        spec = find_spec("google.cloud.pubsub_v1")
    except ModuleNotFoundError:  # not even google.cloud is installed
        spec = None
    if spec is None:
        raise PubSubNotInstalled


def pubsub_v1() -> Any:  # Any: the package has no types
    """Import and return the package `google.cloud.pubsub_v1`. Raises PubSubNotInstalled."""
    try:
        from google.cloud import pubsub_v1
    except ImportError:
        raise PubSubNotInstalled from None
    return pubsub_v1


def error_text(error: BaseException) -> str:
    """Return the text of the client's error; after several attempts, that of the last one."""
    last = getattr(error, "cause", None) or error
    return getattr(last, "message", None) or str(last) or type(last).__name__


def retry_for(seconds: float) -> Any:
    """Return the client's retry policy for a request that may be made twice.

    It gives up after so many seconds; the client's own policy tries for up to ten minutes.
    """
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    is_transient = if_exception_type(
        exceptions.Aborted,
        exceptions.Cancelled,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    return Retry(predicate=is_transient, initial=0.1, maximum=2.0, timeout=seconds)

"""Google's client for Pub/Sub, imported by who uses it alone: it takes 0.3 s, and most
installations have no topic.
"""

from importlib.util import find_spec
from typing import Any

from storage.errors import BadRequest


class PubSubNotInstalled(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "A topic or a subscription is set, and google-cloud-pubsub is not installed. Run: pip install 'chorus[gcp]'"
        )


def check_installed() -> None:
    """Raises PubSubNotInstalled. Nothing is imported: whoever starts processes should have no gRPC, which
    survives no fork.
    """
    try:
        found = find_spec("google.cloud.pubsub_v1")
    except ModuleNotFoundError:  # there is no google.cloud at all
        found = None
    if found is None:
        raise PubSubNotInstalled


def pubsub_v1() -> Any:  # Any: the package has no types
    """The package `google.cloud.pubsub_v1`. Raises PubSubNotInstalled."""
    try:
        from google.cloud import pubsub_v1
    except ImportError:
        raise PubSubNotInstalled from None
    return pubsub_v1


def error_text(error: BaseException) -> str:
    """What the client's error says, in its words; of attempts that were given up, what the last one
    met.
    """
    last = getattr(error, "cause", None) or error
    return getattr(last, "message", None) or str(last) or type(last).__name__


def retry_for(seconds: float) -> Any:
    """The client's way to try a request again that may be made twice, for so long; its own is up to
    ten minutes.
    """
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    passing = if_exception_type(
        exceptions.Aborted,
        exceptions.Cancelled,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    return Retry(predicate=passing, initial=0.1, maximum=2.0, timeout=seconds)

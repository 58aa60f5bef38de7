"""Retry policy as a value: an error and the number of the attempt in, a decision out."""

from dataclasses import dataclass

from redis.exceptions import RedisError

from storage.errors import ChorusError
from storage.places.retry import StorageUnavailable
from tasks.broker.broker_url import BrokerUnreachable
from tasks.steps.publish_results import ResultsRefused
from tasks.steps.score import ATTEMPTS, ScoringFailed


@dataclass(frozen=True)
class Again:
    """Try once more after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Release:
    """Leave it to whoever looks for what is on nobody's way, and asks for it again; not before so
    many seconds.
    """

    seconds: float = 0.0


@dataclass(frozen=True)
class GiveUp:
    """The job fails, for a `reason` that a person can act on."""

    reason: str


_ATTEMPTS = 3
# seconds from one attempt to publish results to the next, and so on
_UNTIL_LATER = (2.0, 8.0, 30.0)


def decide(error: Exception, attempt: int) -> Again | Release | GiveUp:
    """What to do after the `attempt`-th try (from 1) ended in `error`.

    Our own errors say what a person has to do, and trying again would not do it. Anything else (a
    disk that hiccups, a device out of memory for a moment) gets three tries, 0.5 s and 2 s apart. A
    broker that is away is waited for. Storage that is away was waited for, with the lease held:
    that somebody else may try, the step is handed back. A cell whose model failed is tried until it
    is scored with care; the board counts its attempts, of all workers. The results of a job wait as
    long as its topic is away, and no other job waits for them.
    """
    if isinstance(error, ResultsRefused):
        return Release(_UNTIL_LATER[min(error.attempt, len(_UNTIL_LATER)) - 1])
    if isinstance(error, ScoringFailed):
        return Again(_pause(error.attempt) if error.attempt < ATTEMPTS else 0.0)
    if isinstance(error, RedisError | BrokerUnreachable):
        return Again(2.0)  # without the broker no job can go on, and none has failed
    if isinstance(error, StorageUnavailable):
        return Release()
    if isinstance(error, ChorusError):
        return GiveUp(str(error))
    if attempt < _ATTEMPTS:
        return Again(_pause(attempt))
    return GiveUp(f"{type(error).__name__}: {error} (after {attempt} tries)")


def _pause(attempt: int) -> float:
    """Seconds."""
    return 0.5 * 4.0 ** (attempt - 1)

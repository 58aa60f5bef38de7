"""The retry policy of steps as a value: an error and the attempt's number in, a decision out."""

from dataclasses import dataclass

from redis.exceptions import RedisError

from storage.errors import ChorusError
from storage.places.retry import StorageUnavailable
from tasks.broker.broker_url import BrokerUnreachable
from tasks.steps.publish_results import ResultsRefused
from tasks.steps.score import ATTEMPTS, ScoringFailed


@dataclass(frozen=True)
class Retry:
    """Try the step again after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Release:
    """Release the step to the reconciler, which queues it again; not before so many seconds."""

    seconds: float = 0.0


@dataclass(frozen=True)
class FailJob:
    """Fail the job, for a `reason` that a person can act on."""

    reason: str


_ATTEMPTS = 3
# seconds from one attempt to publish results to the next, and so on
_UNTIL_LATER = (2.0, 8.0, 30.0)


def decide(error: Exception, attempt: int) -> Retry | Release | FailJob:
    """Return what to do after attempt number `attempt` (from 1) ended in `error`.

    A ChorusError says what a person has to do, and another try would not do it. Any other error (a
    disk that hiccups, a device out of memory for a moment) gets three tries, 0.5 s and 2 s apart. A
    broker that does not answer is waited for. Storage that is unavailable was retried already, with
    the lease held: the step is released for another worker. A cell whose model failed is tried
    until it is scored with fault isolation; the board counts its attempts, of all workers. The
    results of a job wait for its topic as long as that refuses, and no other job waits for them.
    """
    if isinstance(error, ResultsRefused):
        return Release(_UNTIL_LATER[min(error.attempt, len(_UNTIL_LATER)) - 1])
    if isinstance(error, ScoringFailed):
        return Retry(_pause(error.attempt) if error.attempt < ATTEMPTS else 0.0)
    if isinstance(error, RedisError | BrokerUnreachable):
        return Retry(2.0)  # without the broker no job can go on, and none has failed
    if isinstance(error, StorageUnavailable):
        return Release()
    if isinstance(error, ChorusError):
        return FailJob(str(error))
    if attempt < _ATTEMPTS:
        return Retry(_pause(attempt))
    return FailJob(f"{type(error).__name__}: {error} (after {attempt} tries)")


def _pause(attempt: int) -> float:
    """Return the seconds before the next try."""
    return 0.5 * 4.0 ** (attempt - 1)

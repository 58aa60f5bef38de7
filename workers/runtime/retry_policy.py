"""The retry policy of steps as a value: an error and the attempt's number in, a decision out."""

from dataclasses import dataclass

from redis.exceptions import RedisError

from storage.errors import ChorusError
from storage.places.retry import StorageUnavailable
from tasks.broker.broker_url import BrokerUnreachable
from tasks.steps.publish_results import ResultsRefused
from tasks.steps.score import ATTEMPTS_BEFORE_ISOLATION, ScoringFailed


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


_MAX_TRIES = 3  # of a step with an unexpected error
# Seconds after the first, the second and every later attempt to publish results.
_RESULTS_PAUSES = (2.0, 8.0, 30.0)


def decide(error: Exception, attempt: int) -> Retry | Release | FailJob:
    """Return what to do after attempt number `attempt` (from 1) ended in `error`.

    ResultsRefused      release: the results wait until the topic accepts them, other jobs do not
    ScoringFailed       retry, until the cell is scored with fault isolation; the board counts the
                        attempts of all workers
    broker unreachable  retry, for however long
    StorageUnavailable  release: storage was retried already, with the lease held
    other ChorusError   fail: a person has to act, another try would not help
    any other error     three tries, 0.5 s and 2 s apart: a disk or a device may fail for a moment
    """
    if isinstance(error, ResultsRefused):
        return Release(_RESULTS_PAUSES[min(error.attempt, len(_RESULTS_PAUSES)) - 1])
    if isinstance(error, ScoringFailed):
        return Retry(_pause(error.attempt) if error.attempt < ATTEMPTS_BEFORE_ISOLATION else 0.0)
    if isinstance(error, RedisError | BrokerUnreachable):
        return Retry(2.0)  # without the broker no job can continue, and none has failed
    if isinstance(error, StorageUnavailable):
        return Release()
    if isinstance(error, ChorusError):
        return FailJob(str(error))
    if attempt < _MAX_TRIES:
        return Retry(_pause(attempt))
    return FailJob(f"{type(error).__name__}: {error} (after {attempt} tries)")


def _pause(attempt: int) -> float:
    """Return the seconds before the next try."""
    return 0.5 * 4.0 ** (attempt - 1)

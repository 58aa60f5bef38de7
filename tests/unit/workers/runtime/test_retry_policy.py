"""The retry policy: an error and the attempt in, a decision out."""

from redis.exceptions import RedisError

from storage.places.place import CannotWrite
from storage.places.retry import StorageRefused, StorageUnavailable
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.step_messages import ScoreCell
from tasks.steps.publish_results import ResultsRefused
from tasks.steps.score import ATTEMPTS_BEFORE_ISOLATION, ModelBroken, ScoringFailed
from workers.runtime.retry_policy import FailJob, Release, Retry, decide


def test_an_error_that_a_person_has_to_resolve_fails_the_job_at_once():
    decision = decide(CannotWrite("/out/part", "No space left on device"), 1)
    assert isinstance(decision, FailJob)
    assert "No space left on device" in decision.reason


def test_an_unexpected_error_gets_three_tries_with_growing_pauses():
    error = OSError("stale file handle")
    assert decide(error, 1) == Retry(0.5)
    assert decide(error, 2) == Retry(2.0)
    assert decide(error, 3) == FailJob("OSError: stale file handle (after 3 tries)")


def test_an_unreachable_broker_is_retried_without_limit():
    for attempt in (1, 3, 100):
        assert isinstance(decide(RedisError("gone"), attempt), Retry)
        assert isinstance(decide(BrokerUnreachable("redis://x", "gone"), attempt), Retry)


def test_results_that_their_topic_refuses_are_released_without_limit():
    pauses = [decide(ResultsRefused("job", attempt, "gone"), 1) for attempt in (1, 2, 3, 4, 10**6)]
    assert pauses == [Release(2.0), Release(8.0), Release(30.0), Release(30.0), Release(30.0)]


def test_a_step_without_storage_is_released_at_once():
    for attempt in (1, 100):
        assert decide(StorageUnavailable("gs://x", "503", 9, 60.0), attempt) == Release()
    assert isinstance(decide(StorageRefused("gs://x", "403", "Ask for access."), 1), FailJob)


def test_a_cell_whose_model_failed_is_retried_until_it_is_scored_with_fault_isolation():
    """The board counts attempts of all workers, killed ones included; tries here may be fewer."""
    cell = ScoreCell("job", "chunk", "bow", 1)
    pauses = [
        decide(ScoringFailed(cell, attempt, "ValueError: no"), 7)
        for attempt in range(1, ATTEMPTS_BEFORE_ISOLATION + 1)
    ]
    assert pauses == [Retry(0.5), Retry(2.0), Retry(0.0)]
    assert isinstance(decide(ModelBroken(cell, "a harmless text fails as well"), 1), FailJob)

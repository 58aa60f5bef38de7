"""The retry policy of storage: a value that decides without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from storage.places.retry import RetryPolicy


def test_waits_double_up_to_the_longest():
    waits = [RetryPolicy().wait(failures, spent=0, draw=1) for failures in range(1, 9)]
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@given(st.integers(1, 500), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_no_wait_ends_after_the_limit_or_is_shorter_than_half_its_length(failures, spent, draw):
    policy = RetryPolicy()
    wait = policy.wait(failures, spent, draw)
    whole = policy.wait(failures, 0, 1)
    if wait is None:
        assert spent + whole > policy.give_up_after
    else:
        assert spent + wait <= policy.give_up_after
        assert whole / 2 <= wait <= whole


def test_a_request_for_many_bytes_has_a_longer_timeout():
    assert RetryPolicy(request_timeout=30, slowest_rate=1e6).timeout_for(100_000_000) == 130

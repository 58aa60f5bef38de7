"""Messages are collected by customer: no batch is too large, none waits too long, and every message
is in one.
"""

from hypothesis import given
from hypothesis import strategies as st

from intake.messages.batcher import Batcher, batch_wait

arrivals = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=60)


@given(arrivals, st.integers(1, 7), st.floats(0.1, 5))
def test_every_message_is_in_one_batch_in_its_order_and_no_batch_is_too_large_or_mixed(
    arrivals, rows, seconds
):
    batcher, now, batches = Batcher(rows, seconds), 0.0, []
    for number, (customer, pause) in enumerate(arrivals):
        now += pause
        batches += batcher.due(now)
        full = batcher.add(customer, (customer, number), now)
        batches += [full] if full else []
    batches += batcher.flush()
    assert all(0 < len(batch.items) <= rows for batch in batches)
    for customer in "abc":
        items = [item for batch in batches if batch.key == customer for item in batch.items]
        assert items == [
            (name, number) for number, (name, _) in enumerate(arrivals) if name == customer
        ]
    assert batcher.next_due() is None


@given(arrivals, st.floats(0.1, 5))
def test_no_message_waits_longer_than_the_limit(arrivals, seconds):
    batcher, now, arrived_at = Batcher(1000, seconds), 0.0, {}
    for number, (customer, pause) in enumerate(arrivals):
        now += pause
        while batcher.next_due() is not None and batcher.next_due() <= now:
            due = batcher.next_due()
            for batch in batcher.due(due):
                assert all(due - arrived_at[item] <= seconds + 1e-9 for item in batch.items)
        arrived_at[number] = now
        batcher.add(customer, number, now)


def test_a_full_batch_is_returned_at_once_and_the_next_message_starts_a_new_wait():
    batcher = Batcher(2, 1.0)
    assert batcher.add("a", 1, 0.0) is None
    assert batcher.add("a", 2, 0.9).items == (1, 2)
    batcher.add("a", 3, 0.9)
    assert batcher.next_due() == 1.9
    assert not list(batcher.due(1.0))


@given(st.floats(0.01, 30), st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_more_jobs_run_the_longer_a_batch_waits_within_limits(seconds, few, more):
    few, more = sorted((few, more))
    assert seconds <= batch_wait(seconds, few) <= batch_wait(seconds, more) <= max(seconds, 20.0)
    assert batch_wait(seconds, 64) == seconds


def test_a_batch_with_a_shorter_wait_is_due_before_an_earlier_one_with_a_longer_wait():
    batcher = Batcher(10, 20.0)
    batcher.add("a", 1, 0.0)
    batcher.seconds = 0.2
    batcher.add("b", 2, 1.0)
    assert batcher.next_due() == 1.2
    assert [batch.key for batch in batcher.due(1.2)] == ["b"]

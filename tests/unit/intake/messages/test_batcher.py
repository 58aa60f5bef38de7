"""Messages are gathered by customer: no batch is too large, none waits too long, and every message
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
    gatherer, now, batches = Batcher(rows, seconds), 0.0, []
    for number, (customer, pause) in enumerate(arrivals):
        now += pause
        batches += gatherer.due(now)
        full = gatherer.add(customer, (customer, number), now)
        batches += [full] if full else []
    batches += gatherer.flush()
    assert all(0 < len(batch.items) <= rows for batch in batches)
    for customer in "abc":
        mine = [item for batch in batches if batch.key == customer for item in batch.items]
        assert mine == [
            (one, number) for number, (one, _) in enumerate(arrivals) if one == customer
        ]
    assert gatherer.next_due() is None


@given(arrivals, st.floats(0.1, 5))
def test_no_message_waits_longer_than_it_should(arrivals, seconds):
    gatherer, now, came = Batcher(1000, seconds), 0.0, {}
    for number, (customer, pause) in enumerate(arrivals):
        now += pause
        while gatherer.next_due() is not None and gatherer.next_due() <= now:
            due = gatherer.next_due()
            for batch in gatherer.due(due):
                assert all(due - came[item] <= seconds + 1e-9 for item in batch.items)
        came[number] = now
        gatherer.add(customer, number, now)


def test_a_full_batch_is_handed_out_at_once_and_the_next_message_waits_anew():
    gatherer = Batcher(2, 1.0)
    assert gatherer.add("a", 1, 0.0) is None
    assert gatherer.add("a", 2, 0.9).items == (1, 2)
    gatherer.add("a", 3, 0.9)
    assert gatherer.next_due() == 1.9
    assert not list(gatherer.due(1.0))


@given(st.floats(0.01, 30), st.integers(0, 10**7), st.integers(0, 10**7))
def test_the_more_jobs_go_on_the_longer_is_gathered_within_limits(seconds, few, more):
    few, more = sorted((few, more))
    assert seconds <= batch_wait(seconds, few) <= batch_wait(seconds, more) <= max(seconds, 20.0)
    assert batch_wait(seconds, 64) == seconds


def test_a_wait_that_became_shorter_is_due_before_a_longer_one_that_began_earlier():
    gatherer = Batcher(10, 20.0)
    gatherer.add("a", 1, 0.0)
    gatherer.seconds = 0.2
    gatherer.add("b", 2, 1.0)
    assert gatherer.next_due() == 1.2
    assert [batch.key for batch in gatherer.due(1.2)] == ["b"]

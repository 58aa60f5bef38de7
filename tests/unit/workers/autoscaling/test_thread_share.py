"""How the workers of a machine share its cores."""

from hypothesis import given
from hypothesis import strategies as st

from workers.autoscaling.thread_share import share_threads

workers = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(1, 8))


@given(st.integers(1, 64), workers)
def test_every_worker_has_a_core_and_none_has_more_than_it_can_use(cores, most):
    threads = share_threads(cores, most)
    assert threads.keys() == most.keys()
    assert all(
        threads[name] >= 1 and (limit is None or threads[name] <= limit)
        for name, limit in most.items()
    )


@given(st.integers(1, 64), workers)
def test_no_core_is_promised_twice_while_there_is_one_for_each(cores, most):
    assert sum(share_threads(cores, most).values()) <= max(cores, len(most))


@given(st.integers(1, 64), workers)
def test_no_core_is_left_idle_while_a_worker_could_use_it(cores, most):
    threads = share_threads(cores, most)
    hungry = [name for name, limit in most.items() if limit is None or threads[name] < limit]
    assert not hungry or sum(threads.values()) >= cores


@given(st.integers(1, 64), workers)
def test_two_who_can_use_any_number_differ_by_one_at_most(cores, most):
    threads = [
        threads for name, threads in share_threads(cores, most).items() if most[name] is None
    ]
    assert not threads or max(threads) - min(threads) <= 1


def test_the_examples():
    assert share_threads(4, {"minilm": None, "bow": 1}) == {"minilm": 3, "bow": 1}
    assert share_threads(4, {"minilm": None, "topics": None, "bow": 1}) == {
        "minilm": 2,
        "topics": 1,
        "bow": 1,
    }
    assert share_threads(2, {}) == {}

"""How the workers of a machine share its cores."""

from hypothesis import given
from hypothesis import strategies as st

from workers.autoscaling.thread_share import share_threads

workers = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(1, 8))


@given(st.integers(1, 64), workers)
def test_every_worker_has_a_thread_and_none_has_more_than_it_can_use(cores, max_threads):
    threads = share_threads(cores, max_threads)
    assert threads.keys() == max_threads.keys()
    assert all(
        threads[name] >= 1 and (limit is None or threads[name] <= limit)
        for name, limit in max_threads.items()
    )


@given(st.integers(1, 64), workers)
def test_no_core_is_shared_if_there_is_one_for_each_worker(cores, max_threads):
    assert sum(share_threads(cores, max_threads).values()) <= max(cores, len(max_threads))


@given(st.integers(1, 64), workers)
def test_no_core_is_idle_if_a_worker_could_use_it(cores, max_threads):
    threads = share_threads(cores, max_threads)
    below_limit = [
        name for name, limit in max_threads.items() if limit is None or threads[name] < limit
    ]
    assert not below_limit or sum(threads.values()) >= cores


@given(st.integers(1, 64), workers)
def test_workers_without_a_limit_differ_by_one_thread_at_most(cores, max_threads):
    threads = [
        threads
        for name, threads in share_threads(cores, max_threads).items()
        if max_threads[name] is None
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

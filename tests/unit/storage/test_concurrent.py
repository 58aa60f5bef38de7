"""Operations run concurrently where a place is slow, in turn where it is not: equal results."""

import threading
from dataclasses import dataclass
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.places.concurrent import map_concurrently, run_both, run_concurrently


@dataclass(frozen=True)
class WaitingPlace:
    """A place with a given concurrency."""

    concurrency: int


@given(st.lists(st.integers()), st.integers(1, 4))
def test_results_come_in_the_order_of_the_items(items, concurrency):
    assert list(map_concurrently(WaitingPlace(concurrency), lambda item: -item, items)) == [
        -item for item in items
    ]


def test_as_many_operations_run_at_once_as_the_place_allows_and_no_more():
    barrier, in_progress, counts = threading.Barrier(3, timeout=10), [], []

    def act(item):
        in_progress.append(item)
        counts.append(len(in_progress))
        barrier.wait()  # breaks unless three are here at once
        in_progress.remove(item)

    list(map_concurrently(WaitingPlace(3), act, range(9)))
    assert max(counts) == 3
    list(map_concurrently(WaitingPlace(8), act, range(9), concurrency=3))
    assert max(counts) == 3


def test_on_a_disk_each_operation_runs_in_the_callers_thread_when_its_result_is_taken():
    done = []
    results = map_concurrently(
        WaitingPlace(1), lambda item: done.append((item, threading.get_ident())), count()
    )
    list(islice(results, 2))
    assert done == [(0, threading.get_ident()), (1, threading.get_ident())]


def test_a_caller_that_takes_only_the_first_results_leaves_the_rest_undone():
    started = []
    results = map_concurrently(WaitingPlace(2), started.append, count())
    next(results)
    results.close()
    assert 0 in started
    assert max(started) <= 2


@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_error_of_an_item_is_raised_in_place_of_its_result(concurrency):
    results = map_concurrently(WaitingPlace(concurrency), lambda item: 1 // item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nested_calls_do_not_wait_for_each_others_threads():
    place = WaitingPlace(2)
    assert list(
        map_concurrently(place, lambda n: sum(map_concurrently(place, abs, range(n))), range(6))
    ) == [sum(range(n)) for n in range(6)]


def test_steps_may_return_different_types():
    assert list(run_concurrently(WaitingPlace(4), lambda: 1, lambda: "two")) == [1, "two"]
    assert run_both(WaitingPlace(4), lambda: None, lambda: [3]) == (None, [3])

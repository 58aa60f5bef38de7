"""Side by side where a place waits, in turn where it does not; the results are the same."""

import threading
from dataclasses import dataclass
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.places.concurrent import map_concurrently, run_both, run_concurrently


@dataclass(frozen=True)
class Waiting:
    """A place that bears so many operations at once."""

    concurrency: int


@given(st.lists(st.integers()), st.integers(1, 4))
def test_results_come_in_the_order_of_the_items(items, concurrency):
    assert list(map_concurrently(Waiting(concurrency), lambda item: -item, items)) == [
        -item for item in items
    ]


def test_as_many_as_the_place_bears_are_under_way_and_no_more():
    meeting, under_way, most = threading.Barrier(3, timeout=10), [], []

    def act(item):
        under_way.append(item)
        most.append(len(under_way))
        meeting.wait()  # broken unless three are here at once
        under_way.remove(item)

    list(map_concurrently(Waiting(3), act, range(9)))
    assert max(most) == 3
    list(map_concurrently(Waiting(8), act, range(9), concurrency=3))
    assert max(most) == 3


def test_on_a_disk_everything_is_done_by_who_asks_and_only_when_it_is_asked_for():
    done = []
    results = map_concurrently(
        Waiting(1), lambda item: done.append((item, threading.get_ident())), count()
    )
    list(islice(results, 2))
    assert done == [(0, threading.get_ident()), (1, threading.get_ident())]


def test_who_takes_the_first_results_leaves_the_rest_alone():
    begun = []
    results = map_concurrently(Waiting(2), begun.append, count())
    next(results)
    results.close()
    assert 0 in begun
    assert max(begun) <= 2


@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_an_item_raises_comes_in_its_turn(concurrency):
    results = map_concurrently(Waiting(concurrency), lambda item: 1 // item, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_one_that_goes_side_by_side_within_another_never_waits_for_a_thread():
    place = Waiting(2)
    assert list(
        map_concurrently(place, lambda of: sum(map_concurrently(place, abs, range(of))), range(6))
    ) == [sum(range(of)) for of in range(6)]


def test_steps_of_several_kinds_give_what_they_give():
    assert list(run_concurrently(Waiting(4), lambda: 1, lambda: "two")) == [1, "two"]
    assert run_both(Waiting(4), lambda: None, lambda: [3]) == (None, [3])

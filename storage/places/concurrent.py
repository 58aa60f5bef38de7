"""Operations on a place that do not need each other, side by side, so that they cost the time of
one.

On a disk, which answers at once, they come in turn: a thread would cost more than a read.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class HasConcurrency(Protocol):
    """A place, as far as it matters here."""

    @property
    def concurrency(self) -> int:
        """How many operations pay side by side; 1: none."""
        ...


def map_concurrently(
    place: HasConcurrency, act: Callable[[T], R], items: Iterable[T], concurrency: int | None = None
) -> Iterator[R]:
    """`act` of each item, in their order, while those after it are under way: as many as the place
    bears, or `concurrency`.

    Who takes only the first results leaves the rest alone, and so much is in memory as is under
    way. What an item raises comes when its turn does.
    """
    most = min(place.concurrency, concurrency or place.concurrency)
    todo = iter(items)
    first = list(islice(todo, most))
    if len(first) < 2:
        yield from map(act, chain(first, todo))
        return
    # Threads of its own: with a pool that all share, one that waits for another in the same pool
    # would wait for ever.
    pool = ThreadPoolExecutor(len(first), thread_name_prefix="side-by-side")
    try:
        under_way = deque(pool.submit(act, item) for item in first)
        while under_way:
            found = under_way.popleft().result()
            under_way.extend(pool.submit(act, item) for item in islice(todo, 1))
            yield found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # nothing goes on behind anybody's back


def run_concurrently(
    place: HasConcurrency, *steps: Callable[[], Any]
) -> Iterator[Any]:  # Any: their types differ
    """What these steps give, one by one; on a place that waits, those after it are under way."""
    return map_concurrently(place, lambda step: step(), steps)


def run_both(place: HasConcurrency, one: Callable[[], T], other: Callable[[], R]) -> tuple[T, R]:
    """What the two give. If both raise, it is the error of the first."""
    first, second = run_concurrently(place, one, other)
    return first, second

"""Independent operations on a place, run concurrently, so that they take the time of one.

On a disk, which answers at once, they run one after the other: a thread would cost more than a
read.
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
        """Number of operations that are worth running at once; 1: none."""
        ...


def map_concurrently(
    place: HasConcurrency, act: Callable[[T], R], items: Iterable[T], concurrency: int | None = None
) -> Iterator[R]:
    """Yield `act` of each item, in order, while the items after it are being worked on.

    As many run at once as the place's concurrency, or `concurrency`. A caller that takes only the
    first results leaves the rest undone, and memory holds only what is being worked on. An item's
    error is raised when its result is due.
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
    """Yield the results of these steps, in order; on a slow place later ones run meanwhile."""
    return map_concurrently(place, lambda step: step(), steps)


def run_both(place: HasConcurrency, one: Callable[[], T], other: Callable[[], R]) -> tuple[T, R]:
    """Return the results of both steps. If both raise, the error is that of the first."""
    first, second = run_concurrently(place, one, other)
    return first, second

"""Independent operations on a place, run concurrently, so that together they take the time of one.

On a disk they run one after the other: a thread would cost more than a read.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class HasConcurrency(Protocol):
    """The part of a place that is needed here."""

    @property
    def concurrency(self) -> int:
        """Number of operations that are worth running at once; 1: one after the other."""
        ...


def map_concurrently(
    place: HasConcurrency, act: Callable[[T], R], items: Iterable[T], concurrency: int | None = None
) -> Iterator[R]:
    """Yield `act` of each item, in order, while the next items are already in progress.

    At most `place.concurrency` items, and at most `concurrency`, are in progress at once. Items
    start only as results are taken: a caller that stops early leaves the rest undone, and memory
    holds a few results. The error of an item is raised in place of its result.
    """
    limit = min(place.concurrency, concurrency or place.concurrency)
    remaining = iter(items)
    first = list(islice(remaining, limit))
    if len(first) < 2:
        yield from map(act, chain(first, remaining))
        return
    # A pool of its own for each call: in a shared one, a nested call could wait for a thread that
    # its own caller occupies.
    pool = ThreadPoolExecutor(len(first), thread_name_prefix="concurrent")
    try:
        futures = deque(pool.submit(copy_context().run, act, item) for item in first)
        while futures:
            result = futures.popleft().result()
            futures.extend(
                pool.submit(copy_context().run, act, item) for item in islice(remaining, 1)
            )
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # no operation outlives the call


def run_concurrently(
    place: HasConcurrency, *steps: Callable[[], Any]
) -> Iterator[Any]:  # Any: their types differ
    """Yield the results of these steps, in order; on a slow place they run at the same time."""
    return map_concurrently(place, lambda step: step(), steps)


def run_both(place: HasConcurrency, one: Callable[[], T], other: Callable[[], R]) -> tuple[T, R]:
    """Return the results of both steps. If both raise, the error is that of the first."""
    first, second = run_concurrently(place, one, other)
    return first, second

"""Batching: messages of one customer are collected until there are enough of them, or the first has
waited long enough.

Pure: the clock is passed in, as seconds that only grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class MessageBatch(Generic[T]):
    """The items collected under one key, in the order in which they came; never empty."""

    key: str
    items: tuple[T, ...]


_MANY_JOBS = 64  # more running jobs than this make batches wait longer
_MAX_WAIT = 20.0  # seconds; the acknowledgement deadline is extended more often


def batch_wait(seconds: float, jobs: int) -> float:
    """Return how long a message waits for others while so many jobs run.

    `seconds`: how long it waits when few jobs run. Every batch becomes a job, and a running job
    costs work until it ends. When jobs pile up because models or storage are slow, fewer and larger
    ones are done sooner.

    >>> batch_wait(0.2, 10), batch_wait(0.2, 640), batch_wait(0.2, 10**6)
    (0.2, 2.0, 20.0)
    """
    return max(seconds, min(_MAX_WAIT, seconds * jobs / _MANY_JOBS))


class Batcher(Generic[T]):
    """Items that wait for their batch, fewer than `rows` a key.

    `seconds`: how long the first item of a batch waits. It may be set at any time, and holds for
    batches that begin later.
    """

    def __init__(self, rows: int, seconds: float) -> None:
        self._rows, self.seconds = rows, seconds
        self._waiting: dict[str, tuple[float, list[T]]] = {}  # key → (when it is due, items)

    def add(self, key: str, item: T, now: float) -> MessageBatch[T] | None:
        """Add an item, and return its batch if that is full now."""
        _, items = self._waiting.setdefault(key, (now + self.seconds, []))
        items.append(item)
        return self._remove(key) if len(items) >= self._rows else None

    def due(self, now: float) -> Iterator[MessageBatch[T]]:
        """Remove and yield the batches whose first item has waited long enough."""
        for key in [key for key, (due, _) in self._waiting.items() if due <= now]:
            yield self._remove(key)

    def next_due(self) -> float | None:
        """Return when the next batch is due; None if nothing waits."""
        return min((due for due, _ in self._waiting.values()), default=None)

    def flush(self) -> Iterator[MessageBatch[T]]:
        """Remove and yield every batch, due or not."""
        for key in list(self._waiting):
            yield self._remove(key)

    def _remove(self, key: str) -> MessageBatch[T]:
        return MessageBatch(key, tuple(self._waiting.pop(key)[1]))

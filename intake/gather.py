"""Messages to batches: those of one customer are gathered until there are enough, or the first has waited long enough.

Pure: the clock is passed in, as seconds that only grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Batch(Generic[T]):
    """What was gathered under one key, in the order in which it came; never empty."""

    key: str
    items: tuple[T, ...]


class Gatherer(Generic[T]):
    """Holds what waits, at most `rows - 1` items a key."""

    def __init__(self, rows: int, seconds: float) -> None:
        self._rows, self._seconds = rows, seconds
        self._waiting: dict[str, tuple[float, list[T]]] = {}  # key → (when it is due, items); the first due comes first

    def add(self, key: str, item: T, now: float) -> Batch[T] | None:
        """Take one; the batch that it fills, if it does."""
        _, items = self._waiting.setdefault(key, (now + self._seconds, []))
        items.append(item)
        return self._take(key) if len(items) >= self._rows else None

    def due(self, now: float) -> Iterator[Batch[T]]:
        """The batches whose first item has waited long enough."""
        for key in [key for key, (due, _) in self._waiting.items() if due <= now]:
            yield self._take(key)

    def next_due(self) -> float | None:
        """When a batch will be due; None if nothing waits."""
        return next((due for due, _ in self._waiting.values()), None)

    def rest(self) -> Iterator[Batch[T]]:
        """All that waits, due or not."""
        for key in list(self._waiting):
            yield self._take(key)

    def _take(self, key: str) -> Batch[T]:
        return Batch(key, tuple(self._waiting.pop(key)[1]))

"""Messages to batches: those of one customer are gathered until there are enough, or the first has
waited long enough.

Pure: the clock is passed in, as seconds that only grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class MessageBatch(Generic[T]):
    """What was gathered under one key, in the order in which it came; never empty."""

    key: str
    items: tuple[T, ...]


_MANY = 64  # jobs that go on, up to which nobody has to wait longer
_LONGEST = 20.0  # seconds; the lease of a message is extended more often than that


def batch_wait(seconds: float, jobs: int) -> float:
    """How long a message waits for others while so many jobs go on, if it is `seconds` when few do.

    Every batch becomes a job, and every job is looked at again and again until it ends: when they
    pile up, because models or storage are slow, fewer and larger ones are what helps.

    >>> batch_wait(0.2, 10), batch_wait(0.2, 640), batch_wait(0.2, 10**6)
    (0.2, 2.0, 20.0)
    """
    return max(seconds, min(_LONGEST, seconds * jobs / _MANY))


class Batcher(Generic[T]):
    """Holds what waits, at most `rows - 1` items a key. `seconds` may be set at any time, for
    batches yet to begin.
    """

    def __init__(self, rows: int, seconds: float) -> None:
        self._rows, self.seconds = rows, seconds
        self._waiting: dict[str, tuple[float, list[T]]] = {}  # key → (when it is due, items)

    def add(self, key: str, item: T, now: float) -> MessageBatch[T] | None:
        """Take one; the batch that it fills, if it does."""
        _, items = self._waiting.setdefault(key, (now + self.seconds, []))
        items.append(item)
        return self._take(key) if len(items) >= self._rows else None

    def due(self, now: float) -> Iterator[MessageBatch[T]]:
        """The batches whose first item has waited long enough."""
        for key in [key for key, (due, _) in self._waiting.items() if due <= now]:
            yield self._take(key)

    def next_due(self) -> float | None:
        """When a batch will be due; None if nothing waits."""
        return min((due for due, _ in self._waiting.values()), default=None)

    def flush(self) -> Iterator[MessageBatch[T]]:
        """All that waits, due or not."""
        for key in list(self._waiting):
            yield self._take(key)

    def _take(self, key: str) -> MessageBatch[T]:
        return MessageBatch(key, tuple(self._waiting.pop(key)[1]))

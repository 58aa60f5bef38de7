"""A pointer: a value that moves in one step and keeps its history.

Aliases of models and the active labels of customers are pointers.

    <folder>/00000001.json   the first value
    <folder>/00000002.json   the next; the highest number is the current value

Each move creates the next number if it is absent, which disks, GCS and S3 all allow to one writer
only. So two concurrent moves are ordered, nothing is lost between reading and writing, and a reader
sees the old value or the new one.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.record import Record

R = TypeVar("R", bound=Record)

_SUFFIX = ".json"


class Pointer(Generic[R]):
    """The moves below one folder of a place; each is a record of the given class."""

    def __init__(self, place: Place, folder: str, record: type[R]) -> None:
        self._place, self._folder, self._record = place, folder, record

    def current(self) -> R | None:
        """Return the current value; None before the first move. Raises BadRecord."""
        return next((record for _, record in self.history()), None)

    def history(self, concurrency: int = 1) -> Iterator[tuple[int, R]]:
        """Yield (number, value) of every kept move, the newest first. Raises BadRecord.

        `concurrency`: how many to read ahead, for a caller that wants more than the first.
        """
        numbers = self._numbers()[::-1]
        for number, data in zip(
            numbers, map_concurrently(self._place, self._read, numbers, concurrency), strict=True
        ):
            if data is not None:
                yield number, self._record.decode(data, self._place.url_of(self._path(number)))

    def move(self, decide: Callable[[R | None], R | None]) -> R | None:
        """Move to what `decide` makes of the current value; return the value then.

        None, or an equal value, leaves it as it is. `decide` is called again if another process has
        moved the pointer meanwhile. Raises BadRecord, CannotWrite.
        """
        while True:
            number, before = next(self.history(), (0, None))
            after = decide(before)
            if after is None or after == before:
                return before
            if self._follows(number, after):
                return after

    def add(self, record: R) -> int:
        """Move to this value, whatever the current one is; return the number of the move.

        Raises CannotWrite.
        """
        while True:
            number = max(self._numbers(), default=0)
            if self._follows(number, record):
                return number + 1

    def truncate(self, keep: int) -> None:
        """Remove all but the last `keep` moves (at least one)."""
        old = map(self._path, self._numbers()[: -max(1, keep)])
        for _ in map_concurrently(self._place, self._place.remove, old):
            pass

    def _follows(self, number: int, record: R) -> bool:
        """Try to create the move after this number; return whether it was created."""
        path = self._path(number + 1)
        if not self._place.create(path, record.encode(), durable=True):
            return False
        if number and not self._place.exists(self._path(number)):
            # Others moved on meanwhile, and so far that the next number was forgotten, and was free
            # again.
            self._place.remove(path)
            return False
        return True

    def _read(self, number: int) -> bytes | None:
        """Read a move; None where it was removed since it was listed: then there are newer ones."""
        try:
            return self._place.read(self._path(number))
        except Absent:
            return None

    def _numbers(self) -> list[int]:
        names = (name.removesuffix(_SUFFIX) for name in self._place.names(self._folder))
        return sorted(int(name) for name in names if name.isdigit())

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:08d}{_SUFFIX}"

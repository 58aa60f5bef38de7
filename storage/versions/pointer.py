"""A pointer: a stored value that changes in one step and keeps its history.

Aliases of models and the active labels of customers are pointers. A change is called a move.

    <folder>/00000001.json   the first value
    <folder>/00000002.json   the next one; the highest number has the current value

A move creates the file of the next number if it is absent. Disks, GCS and S3 let only one writer do
that. So concurrent moves are ordered, none is lost, and a reader sees the old or the new value.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.record import Record

R = TypeVar("R", bound=Record)

_SUFFIX = ".json"


class Pointer(Generic[R]):
    """A pointer, stored in one folder of a place; its values are records of the given class."""

    def __init__(self, place: Place, folder: str, record: type[R]) -> None:
        self._place, self._folder, self._record = place, folder, record

    def current(self) -> R | None:
        """Return the current value; None before the first move. Raises BadRecord."""
        return next((record for _, record in self.history()), None)

    def history(self, concurrency: int = 1) -> Iterator[tuple[int, R]]:
        """Yield (number, value) of every stored move, the newest first. Raises BadRecord.

        `concurrency`: moves to read at once, for a caller that needs more than the first.
        """
        numbers = self._numbers()[::-1]
        for number, data in zip(
            numbers, map_concurrently(self._place, self._read, numbers, concurrency), strict=True
        ):
            if data is not None:
                yield number, self._record.decode(data, self._place.url_of(self._path(number)))

    def move(self, decide: Callable[[R | None], R | None]) -> R | None:
        """Move to `decide(current value)`; return the value that is then current.

        If `decide` returns None or an equal value, the pointer does not move. If another process
        moves the pointer in between, `decide` is called again. Raises BadRecord, CannotWrite.
        """
        while True:
            number, before = next(self.history(), (0, None))
            after = decide(before)
            if after is None or after == before:
                return before
            if self._create_after(number, after):
                return after

    def add(self, record: R) -> int:
        """Move to this value without reading the current one; return the number of the move.

        Raises CannotWrite.
        """
        while True:
            number = max(self._numbers(), default=0)
            if self._create_after(number, record):
                return number + 1

    def truncate(self, keep: int) -> None:
        """Remove all but the last `keep` moves; the last move always stays."""
        old = map(self._path, self._numbers()[: -max(1, keep)])
        for _ in map_concurrently(self._place, self._place.remove, old):
            pass

    def _create_after(self, number: int, record: R) -> bool:
        """Create the move after this number unless it exists; return whether this call did."""
        path = self._path(number + 1)
        if not self._place.create(path, record.encode(), durable=True):
            return False
        if number and not self._place.exists(self._path(number)):
            # Since `number` was read, others have moved the pointer so often that `truncate`
            # removed the next number. This file is not the newest move.
            self._place.remove(path)
            return False
        return True

    def _read(self, number: int) -> bytes | None:
        """Read a move; None if `truncate` removed it since it was listed."""
        try:
            return self._place.read(self._path(number))
        except Absent:
            return None

    def _numbers(self) -> list[int]:
        names = (name.removesuffix(_SUFFIX) for name in self._place.names(self._folder))
        return sorted(int(name) for name in names if name.isdigit())

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:08d}{_SUFFIX}"

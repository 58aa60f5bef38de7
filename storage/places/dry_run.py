"""A place for a dry run: reads come from a real place, writes are kept in memory and never made."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from storage.places.place import BinaryWriter, Place


class DryRunPlace(Place):
    """A real place as it would be after some writes, of which nothing is left.

    Files of the real place stay, also those that would be removed.
    """

    def __init__(self, place: Place, is_read_again: Callable[[str], bool]) -> None:
        """`is_read_again`: whether the content of a file at this path is needed; else only its
        name is kept, so that a large upload needs no memory.
        """
        super().__init__(place.url)
        self.concurrency = place.concurrency
        self._place, self._is_read_again = place, is_read_again
        self._written: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        return self._written[path] if path in self._written else self._place.read(path)

    def create(self, path: str, data: bytes, *, durable: bool = False) -> bool:  # noqa: ARG002 — nothing is written
        if self.exists(path):
            return False
        self.replace(path, data)
        return True

    def replace(self, path: str, data: bytes) -> None:
        self._written[path] = data if self._is_read_again(path) else b""

    def exists(self, path: str) -> bool:
        return path in self._written or self._place.exists(path)

    def names(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        written = {
            path.removeprefix(start).partition("/")[0]
            for path in list(self._written)
            if path.startswith(start)
        }
        return sorted(written.union(self._place.names(folder)))

    def remove(self, path: str) -> None:
        self._written.pop(path, None)

    def clear(self, folder: str) -> None:
        start = f"{folder}/" if folder else ""
        for path in list(self._written):
            if path.startswith(start) and "/" not in path.removeprefix(start):
                self.remove(path)

    def flush(self, folder: str, names: Sequence[str]) -> None:
        pass

    @contextmanager
    def local_file(self, path: str) -> Iterator[Path]:
        if path not in self._written:
            with self._place.local_file(path) as file:
                yield file
            return
        with tempfile.NamedTemporaryFile(prefix="chorus-") as copy:
            self.copy_to(path, copy)
            copy.flush()
            yield Path(copy.name)

    @contextmanager
    def new_file(self, path: str) -> Iterator[Path]:  # noqa: ARG002 — nothing is written there
        with tempfile.NamedTemporaryFile(prefix="chorus-") as file:
            yield Path(file.name)

    def move_in(self, path: str, file: Path, *, replace: bool) -> bool:
        if self.exists(path) and not replace:
            return False
        self.replace(path, file.read_bytes())
        return True

    def copy_to(self, path: str, file: BinaryWriter) -> None:
        if path in self._written:
            file.write(self._written[path])
        else:
            self._place.copy_to(path, file)

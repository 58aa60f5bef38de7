"""Shelves of things that are published in numbered versions which never change, and aliases that move.

    registry/<shelf>/<name>/<version>/   the files; the record (manifest.json, …) is written last
    registry/<shelf>/<name>/aliases.json champion → 3

A version without its record is not there: a publisher died, and its number is not given out again.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from storage.errors import BadRequest
from storage.names import check_name
from storage.place import Place
from storage.record import Record

CHAMPION = "champion"
_CLAIM = "_claim"


class NotPublished(BadRequest):
    """A name, version or alias that the shelf does not hold."""

    def __init__(self, shelf: str, wanted: str, there: list[str]) -> None:
        self.shelf, self.wanted, self.there = shelf, wanted, there
        found = ", ".join(there) or f"none; `make demo` publishes the demo's, or see `chorus {shelf} --help`"
        super().__init__(f"There is no {wanted} among the {shelf}. Published: {found}.")


class Aliases(Record):
    """What aliases.json says."""

    aliases: dict[str, int]


class Shelf:
    """One kind of published thing (`models`, `ensembles`), each version with a record file named `record`."""

    def __init__(self, place: Place, shelf: str, record: str) -> None:
        self.place, self.shelf, self._record = place, shelf, record

    def folder(self, name: str, version: int) -> str:
        return f"{self._home(name)}/{version}"

    def _home(self, name: str) -> str:
        return f"registry/{self.shelf}/{check_name(self.shelf.removesuffix('s'), name)}"

    def names(self) -> list[str]:
        """Everything that has at least one version, sorted."""
        return [name for name in self.place.names(f"registry/{self.shelf}") if self.versions(name)]

    def versions(self, name: str) -> list[int]:
        """The published versions, ascending."""
        numbers = sorted(int(entry) for entry in self.place.names(self._home(name)) if entry.isdigit())
        return [number for number in numbers if self.place.exists(f"{self.folder(name, number)}/{self._record}")]

    def aliases(self, name: str) -> dict[str, int]:
        path = f"{self._home(name)}/aliases.json"
        if not self.place.exists(path):
            return {}
        return Aliases.decode(self.place.read(path), self.place.at(path)).aliases

    def point(self, name: str, alias: str, version: int) -> None:
        """Move an alias to a version, in one step. Raises NotPublished."""
        self.resolve(name, version)
        aliases = self.aliases(name) | {check_name("alias", alias): version}
        self.place.replace(f"{self._home(name)}/aliases.json", Aliases(aliases=aliases).encode())

    def resolve(self, name: str, wanted: int | str = CHAMPION) -> int:
        """The version behind a number or an alias. Raises NotPublished, which lists what there is."""
        versions = self.versions(name)
        if not versions:
            raise NotPublished(self.shelf, name, self.names())
        version = wanted if isinstance(wanted, int) else self.aliases(name).get(wanted)
        if version not in versions:
            there = [*map(str, versions), *self.aliases(name)]
            raise NotPublished(self.shelf, f"version or alias {wanted} of {name}", there)
        return version

    def read_record(self, name: str, version: int) -> tuple[bytes, str]:
        """The bytes of a version's record, and where they lie."""
        path = f"{self.folder(name, version)}/{self._record}"
        return self.place.read(path), self.place.at(path)

    def claim(self, name: str) -> int:
        """Take the next free number. Two publishers at once get two numbers."""
        taken = [int(entry) for entry in self.place.names(self._home(name)) if entry.isdigit()]
        version = max(taken, default=0) + 1
        token = secrets.token_bytes(16)
        while not self.place.create(f"{self.folder(name, version)}/{_CLAIM}", token):
            version += 1
        return version

    def fill(self, name: str, version: int, files: Mapping[str, bytes | Path], record: bytes) -> None:
        """Write a claimed version: the files, then the record. The first version becomes champion."""
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            self.place.create(f"{self.folder(name, version)}/{file}", data, durable=True)
        self.place.create(f"{self.folder(name, version)}/{self._record}", record, durable=True)
        if CHAMPION not in self.aliases(name):
            self.point(name, CHAMPION, version)

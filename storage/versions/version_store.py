"""The store of numbered versions that never change, and of the aliases that name them.

    registry/<collection>/<name>/<version>/   files; the record (manifest.json, …) is written last, removed first
    registry/<collection>/<name>/aliases/     champion → 3, see storage.versions.aliases

A version without its record does not exist: its publisher died, or it was removed. Its number is
not used again.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from storage.errors import BadRequest
from storage.names import check_name
from storage.places.concurrent import map_concurrently, run_both
from storage.places.place import Place
from storage.versions.aliases import Aliases, AliasMove

CHAMPION = "champion"
_CLAIM = "_claim"
_REMOVED = "_removed"


class NotPublished(BadRequest):
    """A name, version or alias that is not published."""

    def __init__(self, collection: str, requested: str, published: list[str]) -> None:
        self.collection, self.requested, self.published = collection, requested, published
        names = (
            ", ".join(published)
            or f"none; `make demo` publishes the demo's, or see `chorus {collection} --help`"
        )
        super().__init__(f"There is no {requested} among the {collection}. Published: {names}.")


def parse_version(version: str) -> int | str:
    """Return the number that the text is, or else the text, which names an alias."""
    return int(version) if version.isdecimal() else version


class VersionStore:
    """One collection (`models`, `ensembles`); `record` is the file name of a version's record."""

    def __init__(self, place: Place, collection: str, record: str) -> None:
        self.place, self.collection, self._record = place, collection, record

    def folder(self, name: str, version: int) -> str:
        """Return the folder of a version."""
        return f"{self._home(name)}/{version}"

    def _home(self, name: str) -> str:
        return f"registry/{self.collection}/{check_name(self.collection.removesuffix('s'), name)}"

    def names(self) -> list[str]:
        """Return the names with at least one version, sorted."""
        names = self.place.names(f"registry/{self.collection}")
        versions = map_concurrently(self.place, self.versions, names)
        return [name for name, found in zip(names, versions, strict=True) if found]

    def versions(self, name: str) -> list[int]:
        """Return the published versions of a name, ascending."""
        numbers = sorted(
            int(entry) for entry in self.place.names(self._home(name)) if entry.isdigit()
        )
        records = (f"{self.folder(name, number)}/{self._record}" for number in numbers)
        there = map_concurrently(self.place, self.place.exists, records)
        return [number for number, found in zip(numbers, there, strict=True) if found]

    def aliases(self, name: str) -> dict[str, int]:
        """Return alias → version. Raises BadRecord."""
        return self._aliases(name).all()

    def history(self, name: str) -> list[tuple[str, AliasMove]]:
        """Return every move with its alias, the newest first. Raises NotPublished, BadRecord."""
        self._published(name)
        aliases = self._aliases(name)
        moves = [(alias, move) for alias in aliases.all() for move in aliases.history(alias)]
        return sorted(moves, key=lambda moved: moved[1].at, reverse=True)

    def promote(self, name: str, version: int, at: datetime, alias: str = CHAMPION) -> None:
        """Move an alias to a version, in one step. Raises NotPublished, AliasIsNumber, BadName."""
        self.resolve(name, version)
        self._aliases(name).move(alias, version, at, "promote")

    def roll_back(self, name: str, at: datetime, alias: str = CHAMPION) -> int:
        """Move an alias to its earlier version, a step further each time; return it.

        Raises NoEarlierVersion, NotPublished, BadName.
        """
        return self._aliases(name).roll_back(alias, self._published(name), at)

    def _aliases(self, name: str) -> Aliases:
        return Aliases(self.place, self._home(name))

    def _published(self, name: str) -> list[int]:
        """Return the versions of a name. Raises NotPublished if there is none."""
        versions = self.versions(name)
        if not versions:
            raise NotPublished(self.collection, name, self.names())
        return versions

    def resolve(self, name: str, version_or_alias: int | str = CHAMPION) -> int:
        """Return the version behind a number or an alias.

        Raises NotPublished, which lists what is published.
        """
        versions, version = run_both(
            self.place,
            lambda: self._published(name),
            lambda: (
                version_or_alias
                if isinstance(version_or_alias, int)
                else self._aliases(name).version(version_or_alias)
            ),
        )
        if version not in versions:
            there = [*map(str, versions), *self.aliases(name)]
            raise NotPublished(
                self.collection, f"version or alias {version_or_alias} of {name}", there
            )
        return version

    def read_record(self, name: str, version: int) -> tuple[bytes, str]:
        """Return the bytes of a version's record, and where it is stored."""
        path = f"{self.folder(name, version)}/{self._record}"
        return self.place.read(path), self.place.url_of(path)

    def claim(self, name: str) -> int:
        """Claim the next free number. Two publishers at once get two numbers."""
        taken = [int(entry) for entry in self.place.names(self._home(name)) if entry.isdigit()]
        version = max(taken, default=0) + 1
        token = secrets.token_bytes(16)
        while not self.place.create(f"{self.folder(name, version)}/{_CLAIM}", token):
            version += 1
        return version

    def write_version(
        self,
        name: str,
        version: int,
        files: Mapping[str, bytes | Path],
        record: bytes,
        at: datetime,
    ) -> None:
        """Write a claimed version: the files, then the record. The first version becomes champion."""
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            self.place.create(f"{self.folder(name, version)}/{file}", data, durable=True)
        self.place.create(f"{self.folder(name, version)}/{self._record}", record, durable=True)
        self._aliases(name).set_if_absent(CHAMPION, version, at)

    def remove(self, name: str, version: int) -> None:
        """Remove a version, but for the claim on its number; its record is removed first.

        After an interruption call it again. Raises NotPublished.
        """
        folder = self.folder(name, version)
        if not self.place.exists(f"{folder}/{_REMOVED}"):  # else the rest of it may still lie there
            self.resolve(name, version)
        self.place.create(f"{folder}/{_REMOVED}", b"", durable=True)
        self.place.remove(f"{folder}/{self._record}")
        for file in self.place.names(folder):
            if file not in (_CLAIM, _REMOVED):
                self.place.remove(f"{folder}/{file}")

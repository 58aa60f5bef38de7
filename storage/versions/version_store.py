"""The store of numbered versions that never change, and of the aliases that name them.

    registry/<collection>/<name>/<version>/   the files of a version, among them its record
    registry/<collection>/<name>/aliases/     champion → 3, see storage.versions.aliases

The record (manifest.json, …) is written last and removed first. A version without its record does
not exist: its publisher died, or it was removed. Its number is not used again.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from storage.errors import BadRequest
from storage.name_list import list_names
from storage.names import check_name
from storage.places.concurrent import map_concurrently, run_both
from storage.places.place import Place
from storage.versions.aliases import Aliases, AliasMove

CHAMPION = "champion"
_CLAIM = "_claim"  # the number belongs to a publisher
_REMOVED = "_removed"  # the version was removed, perhaps not all of its files yet


class NotPublished(BadRequest):
    """A request for a name, version or alias that is not published."""

    def __init__(self, collection: str, requested: str, published: list[str]) -> None:
        self.collection, self.requested, self.published = collection, requested, published
        names = (
            list_names(published, requested)
            if published
            else f"none; run `make demo` to publish those of the demo, or see `chorus {collection} "
            "--help`"
        )
        super().__init__(f"There is no {requested} among the {collection}. Published: {names}.")


def parse_version(version: str) -> int | str:
    """Return a version number as an int, and any other text, the name of an alias, unchanged."""
    return int(version) if version.isdecimal() else version


class VersionStore:
    """The versions and aliases of one collection, `models` or `ensembles`.

    `record`: the file name of a version's record.
    """

    def __init__(self, place: Place, collection: str, record: str) -> None:
        self.place, self.collection, self._record = place, collection, record

    def folder(self, name: str, version: int) -> str:
        """Return the folder of a version."""
        return f"{self._name_folder(name)}/{version}"

    def _name_folder(self, name: str) -> str:
        return f"registry/{self.collection}/{check_name(self.collection.removesuffix('s'), name)}"

    def names(self) -> list[str]:
        """Return the names with at least one version, sorted."""
        names = self.place.names(f"registry/{self.collection}")
        versions_of_names = map_concurrently(self.place, self.versions, names)
        return [name for name, versions in zip(names, versions_of_names, strict=True) if versions]

    def versions(self, name: str) -> list[int]:
        """Return the published versions of a name, ascending."""
        numbers = sorted(
            int(entry) for entry in self.place.names(self._name_folder(name)) if entry.isdigit()
        )
        records = (f"{self.folder(name, number)}/{self._record}" for number in numbers)
        exist = map_concurrently(self.place, self.place.exists, records)
        return [number for number, exists in zip(numbers, exist, strict=True) if exists]

    def aliases(self, name: str) -> dict[str, int]:
        """Return alias → version. Raises BadRecord."""
        return self._aliases(name).all()

    def history(self, name: str) -> list[tuple[str, AliasMove]]:
        """Return every (alias, move), the newest first. Raises NotPublished, BadRecord."""
        self._published(name)
        aliases = self._aliases(name)
        moves = [(alias, move) for alias in aliases.all() for move in aliases.history(alias)]
        return sorted(moves, key=lambda alias_and_move: alias_and_move[1].at, reverse=True)

    def promote(self, name: str, version: int, at: datetime, alias: str = CHAMPION) -> None:
        """Move an alias to a version, in one step. Raises NotPublished, AliasIsNumber, BadName."""
        self.resolve(name, version)
        self._aliases(name).move(alias, version, at, "promote")

    def roll_back(self, name: str, at: datetime, alias: str = CHAMPION) -> int:
        """Move an alias back to its earlier version; return that version.

        A further call goes a step further. Raises NoEarlierVersion, NotPublished, BadName.
        """
        return self._aliases(name).roll_back(alias, self._published(name), at)

    def _aliases(self, name: str) -> Aliases:
        return Aliases(self.place, self._name_folder(name))

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
            published = [*map(str, versions), *self.aliases(name)]
            raise NotPublished(
                self.collection, f"version or alias {version_or_alias} of {name}", published
            )
        return version

    def read_record(self, name: str, version: int) -> tuple[bytes, str]:
        """Return the bytes of a version's record, and its URL. Raises Absent."""
        path = f"{self.folder(name, version)}/{self._record}"
        return self.place.read(path), self.place.url_of(path)

    def claim(self, name: str) -> int:
        """Claim the next free number; concurrent publishers get different numbers."""
        taken = [
            int(entry) for entry in self.place.names(self._name_folder(name)) if entry.isdigit()
        ]
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
        """Write the files of a claimed version, then its record. The first one becomes champion."""
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.read_bytes()
            self.place.create(f"{self.folder(name, version)}/{file}", data, durable=True)
        self.place.create(f"{self.folder(name, version)}/{self._record}", record, durable=True)
        self._aliases(name).set_if_absent(CHAMPION, version, at)

    def remove(self, name: str, version: int) -> None:
        """Remove a version, its record first; the claim on its number stays.

        If this was interrupted, call it again. Raises NotPublished.
        """
        folder = self.folder(name, version)
        if not self.place.exists(f"{folder}/{_REMOVED}"):  # else finish an interrupted removal
            self.resolve(name, version)
        self.place.create(f"{folder}/{_REMOVED}", b"", durable=True)
        self.place.remove(f"{folder}/{self._record}")
        for file in self.place.names(folder):
            if file not in (_CLAIM, _REMOVED):
                self.place.remove(f"{folder}/{file}")

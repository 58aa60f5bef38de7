"""The aliases of a model or ensemble: each names a version, moves in one step and keeps its moves.

    <home>/aliases/champion/00000001.json   {"version": 1, "at": "…", "by": "publish"}
    <home>/aliases.json                     of older roots: the versions before the first moves

Each alias is a storage.versions.pointer.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Literal, cast

from pydantic import AwareDatetime

from storage.errors import BadRequest
from storage.names import check_name
from storage.places.place import Absent, Place
from storage.record import Record
from storage.versions.pointer import Pointer

By = Literal["publish", "promote", "rollback"]


class AliasMove(Record):
    """One move of an alias to a version."""

    version: int
    at: AwareDatetime  # UTC
    by: By


class _FirstVersions(Record):
    """The record aliases.json of older roots."""

    aliases: dict[str, int]


class AliasIsNumber(BadRequest):
    """An alias that would be taken for a version."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        super().__init__(
            f"{alias} cannot be an alias, because numbers are versions. Choose a word, such as "
            "challenger."
        )


class NoEarlierVersion(BadRequest):
    """An alias that cannot be rolled back: it has no earlier version that is published."""

    def __init__(self, alias: str, version: int | None) -> None:
        self.alias, self.version = alias, version
        super().__init__(
            f"There is no alias {alias} that could be rolled back. Promote a version to it first."
            if version is None
            else f"{alias} is at version {version}, and there is no other version that it was at before and that is "
            "still published. Promote the version that you want."
        )


def alias_stack(moves: Iterable[AliasMove], before: int | None = None) -> tuple[int, ...]:
    """Return the versions that an alias had, without those that a rollback took back.

    The last one is its current version. `moves` are the oldest first; `before` is the version
    before them. A rollback takes back everything after the version it goes to, so that the next
    rollback goes one step further:

        promote 1, promote 2, promote 3                          (1, 2, 3)
        …, rollback to 2                                         (1, 2)
        …, rollback to 2, rollback to 1, promote 4               (1, 4)
    """
    stack = [] if before is None else [before]
    for move in moves:
        while move.by == "rollback" and stack and stack[-1] != move.version:
            stack.pop()
        if not stack or stack[-1] != move.version:
            stack.append(move.version)
    return tuple(stack)


class Aliases:
    """The aliases below the folder of one model or ensemble."""

    def __init__(self, place: Place, home: str) -> None:
        self._place, self._folder = place, home

    def all(self) -> dict[str, int]:
        """Return alias → version, by name. Raises BadRecord."""
        before = self._first_versions()
        moved = {
            alias: self._pointer(alias).current()
            for alias in self._place.names(f"{self._folder}/aliases")
        }
        return dict(
            sorted(
                (before | {alias: move.version for alias, move in moved.items() if move}).items()
            )
        )

    def version(self, alias: str) -> int | None:
        """Return the version of an alias; None if there is no such alias. Raises BadName,
        BadRecord.
        """
        move = self._pointer(alias).current()
        return self._first_versions().get(alias) if move is None else move.version

    def history(self, alias: str) -> list[AliasMove]:
        """Return the moves of an alias, the newest first. Raises BadName, BadRecord."""
        return [move for _, move in self._pointer(alias).history()]

    def move(self, alias: str, version: int, at: datetime, by: By) -> None:
        """Move an alias to a version. Raises AliasIsNumber, BadName, CannotWrite."""
        if alias.isdecimal():
            raise AliasIsNumber(alias)
        self._move(
            alias, lambda now: None if now == version else AliasMove(version=version, at=at, by=by)
        )

    def set_if_absent(self, alias: str, version: int, at: datetime) -> None:
        """Set an alias that has no version yet. Of two callers at once, one sets it."""
        self._move(
            alias,
            lambda now: AliasMove(version=version, at=at, by="publish") if now is None else None,
        )

    def roll_back(self, alias: str, published: Collection[int], at: datetime) -> int:
        """Move an alias back to its earlier published version; return that version.

        See `alias_stack`. Raises NoEarlierVersion, BadName, BadRecord, CannotWrite.
        """

        def back(now: int | None) -> AliasMove:
            # Read again each time: should it hold a move that came later than `now`, this one is
            # not accepted.
            stack = alias_stack(reversed(self.history(alias)), self._first_versions().get(alias))
            earlier = [version for version in stack[:-1] if version in published and version != now]
            if not earlier:
                raise NoEarlierVersion(alias, now)
            return AliasMove(version=earlier[-1], at=at, by="rollback")

        return cast(
            AliasMove, self._move(alias, back)
        ).version  # `back` never leaves it where it is

    def _move(
        self, alias: str, decide: Callable[[int | None], AliasMove | None]
    ) -> AliasMove | None:
        """Move the alias to what `decide` makes of its version; None leaves it. Return the last
        move.
        """
        before = self._first_versions().get(alias)
        return self._pointer(alias).move(
            lambda move: decide(before if move is None else move.version)
        )

    def _pointer(self, alias: str) -> Pointer[AliasMove]:
        return Pointer(
            self._place, f"{self._folder}/aliases/{check_name('alias', alias)}", AliasMove
        )

    def _first_versions(self) -> dict[str, int]:
        path = f"{self._folder}/aliases.json"
        try:
            return _FirstVersions.decode(self._place.read(path), self._place.url_of(path)).aliases
        except Absent:
            return {}

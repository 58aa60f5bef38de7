"""The aliases of a model or ensemble: each is a pointer (storage.versions.pointer) to a version.

<folder>/aliases/champion/00000001.json   {"version": 1, "at": "…", "by": "publish"}
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Literal, cast

from pydantic import AwareDatetime

from storage.errors import BadRequest
from storage.names import check_name
from storage.places.place import Place
from storage.record import Record
from storage.versions.pointer import Pointer

By = Literal["publish", "promote", "rollback"]


class AliasMove(Record):
    """One move of an alias to a version."""

    version: int
    at: AwareDatetime  # UTC
    by: By


class AliasIsNumber(BadRequest):
    """An alias that could be confused with a version number."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        super().__init__(
            f"{alias} cannot be an alias, because numbers are versions. Choose a word, for example "
            "challenger."
        )


class NoEarlierVersion(BadRequest):
    """An alias that cannot be rolled back: it has no earlier version that is published."""

    def __init__(self, alias: str, version: int | None) -> None:
        self.alias, self.version = alias, version
        super().__init__(
            f"There is no alias {alias} to roll back. Promote a version to it first."
            if version is None
            else f"{alias} is at version {version}, and no version that it had before is still "
            "published. Promote the version that you want."
        )


def alias_stack(moves: Iterable[AliasMove]) -> tuple[int, ...]:
    """Return the versions that an alias had, without those that a rollback removed from the stack.

    The last one is its current version. `moves` are the oldest first. A rollback removes everything
    after the version it goes to, so that the next rollback goes one step further:

        promote 1, promote 2, promote 3                          (1, 2, 3)
        …, rollback to 2                                         (1, 2)
        …, rollback to 2, rollback to 1, promote 4               (1, 4)
    """
    stack: list[int] = []
    for move in moves:
        while move.by == "rollback" and stack and stack[-1] != move.version:
            stack.pop()
        if not stack or stack[-1] != move.version:
            stack.append(move.version)
    return tuple(stack)


class Aliases:
    """The aliases of one model or ensemble, stored in its folder."""

    def __init__(self, place: Place, folder: str) -> None:
        self._place, self._folder = place, folder

    def all(self) -> dict[str, int]:
        """Return alias → version, sorted by alias. Raises BadRecord."""
        moves = {
            alias: self._pointer(alias).current()
            for alias in self._place.names(f"{self._folder}/aliases")
        }
        return {alias: move.version for alias, move in sorted(moves.items()) if move is not None}

    def version(self, alias: str) -> int | None:
        """Return the version of an alias; None if there is no such alias.

        Raises BadName, BadRecord.
        """
        move = self._pointer(alias).current()
        return None if move is None else move.version

    def history(self, alias: str) -> list[AliasMove]:
        """Return the moves of an alias, the newest first. Raises BadName, BadRecord."""
        return [move for _, move in self._pointer(alias).history()]

    def move(self, alias: str, version: int, at: datetime, by: By) -> None:
        """Move an alias to a version. Raises AliasIsNumber, BadName, CannotWrite."""
        if alias.isdecimal():
            raise AliasIsNumber(alias)
        move = AliasMove(version=version, at=at, by=by)
        self._move(alias, lambda current: None if current == version else move)

    def set_if_absent(self, alias: str, version: int, at: datetime) -> None:
        """Set an alias that has no version yet. Of concurrent callers, one sets it."""
        move = AliasMove(version=version, at=at, by="publish")
        self._move(alias, lambda current: move if current is None else None)

    def roll_back(self, alias: str, published: Collection[int], at: datetime) -> int:
        """Move an alias back to its earlier published version; return that version.

        See `alias_stack`. Raises NoEarlierVersion, BadName, BadRecord, CannotWrite.
        """

        def earlier_version(current: int | None) -> AliasMove:
            # The history is read in each attempt. If it has moves after `current`, the pointer does
            # not accept this one and calls again.
            stack = alias_stack(reversed(self.history(alias)))
            earlier = [
                version for version in stack[:-1] if version in published and version != current
            ]
            if not earlier:
                raise NoEarlierVersion(alias, current)
            return AliasMove(version=earlier[-1], at=at, by="rollback")

        move = self._move(alias, earlier_version)
        return cast(AliasMove, move).version  # `earlier_version` never returns None

    def _move(
        self, alias: str, decide: Callable[[int | None], AliasMove | None]
    ) -> AliasMove | None:
        """Move to `decide(current version)`, unless that is None; return the last move."""
        return self._pointer(alias).move(
            lambda move: decide(None if move is None else move.version)
        )

    def _pointer(self, alias: str) -> Pointer[AliasMove]:
        return Pointer(
            self._place, f"{self._folder}/aliases/{check_name('alias', alias)}", AliasMove
        )

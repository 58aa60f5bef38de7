"""chorus.toml as text and tables: it knows the line of everything, and every error names it and
what is allowed there.

What a table may hold is said where it is read: workers.config.limits_file,
workers.config.schedule_file.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from storage.errors import BadRequest
from storage.places.place import Absent, Place
from workers.config.toml_lines import Path, line_of, line_of_syntax

FILE = "chorus.toml"
TABLES = ("defaults", "models", "schedule")  # all that the file may hold

# a value as the file has it in, what it means out; ValueError says what is allowed
Check = Callable[[object], object]


class BadChorusToml(BadRequest):
    """The file says something that cannot be. `key` is the table or key, with dots between its
    parts.
    """

    def __init__(self, file: str, line: int, key: str, problem: str) -> None:
        self.file, self.line, self.key, self.problem = file, line, key, problem
        super().__init__(f"{file}, line {line}: {problem}")


@dataclass(frozen=True)
class ChorusToml:
    """The text, which knows the line of each value, and the tables in it."""

    file: str
    text: str = ""
    tables: Mapping[str, object] = field(default_factory=dict)

    def bad(self, path: Path, problem: str) -> BadChorusToml:
        """Return the error about what stands at the path."""
        return BadChorusToml(self.file, line_of(self.text, path), ".".join(map(str, path)), problem)

    def table(self, path: Path, value: object) -> dict[str, object]:
        """Return the table at the path. Raises BadChorusToml if it is not a table."""
        if not isinstance(value, dict):
            raise self.bad(path, f"{header(path)} is {_toml(value)}; it must be a table.")
        return value

    def tables_at(self, name: str) -> list[tuple[Path, dict[str, object]]]:
        """Return every [[name]] with its path. Raises BadChorusToml if it is written otherwise."""
        tables = self.tables.get(name, [])
        if not isinstance(tables, list):
            raise self.bad(
                (name,), f"{name} is {_toml(tables)}; write {header((name, 0))} above each one."
            )
        return [((name, at), self.table((name, at), one)) for at, one in enumerate(tables)]

    def value(
        self, path: Path, key: str, value: object, checks: Mapping[str, Check], hint: str = ""
    ) -> object:
        """Return the checked value of a key of the table at the path.

        `hint` is added to the error about an unknown key. Raises BadChorusToml.
        """
        where = (*path, key)
        if key not in checks:
            raise self.bad(where, unknown(f"key in {header(path)}", key, tuple(checks)) + hint)
        try:
            return checks[key](value)
        except ValueError as error:
            raise self.bad(
                where, f"{key} in {header(path)} is {_toml(value)}; allowed is {error}."
            ) from None


def read_toml(place: Place) -> ChorusToml:
    """Read the file below the root; an empty one if there is none. Raises BadChorusToml."""
    try:
        return parse_toml(place.read(FILE), place.url_of(FILE))
    except Absent:
        return ChorusToml(place.url_of(FILE))


def parse_toml(data: bytes, file: str) -> ChorusToml:
    """Parse the bytes of the file; `file` names it in errors. Raises BadChorusToml."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadChorusToml(file, line, "", "this is not UTF-8. Save the file as UTF-8.") from None
    try:
        toml = ChorusToml(file, text, tomllib.loads(text))
    except ValueError as error:
        raise BadChorusToml(
            file, line_of_syntax(text, error), "", f"this is not TOML: {error}."
        ) from None
    for name in toml.tables:
        if name not in TABLES:
            raise toml.bad((name,), unknown("table", name, TABLES))
    return toml


def unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    """Return the error text about an unknown key, with the keys that are allowed."""
    near = get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"there is no {what} with the name {name!r}. {meant}There are: {', '.join(known)}."


def whole(value: object, least: int) -> int:
    """Return a whole number of at least `least`. Raises ValueError, which says what is allowed."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"a whole number, {least} or more")
    return value


def header(path: Path) -> str:
    """Return a table's name as it is written in the file."""
    names = [name for name in path if isinstance(name, str)]
    bare = (
        name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
        for name in names
    )
    written = f"[{'.'.join(bare)}]"
    return written if len(names) == len(path) else f"[{written}]"


def _toml(value: object) -> str:
    """A value as the file has it, near enough, and not too long."""
    shown = (
        "a table" if isinstance(value, dict) else json.dumps(value, ensure_ascii=False, default=str)
    )
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


_LONGEST_SHOWN = 60  # characters

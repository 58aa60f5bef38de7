"""chorus.toml as text and tables. Every error names its line and what is allowed there.

The modules that read a table define its keys: workers.config.limits_file, gate_file and
schedule_file.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from storage.errors import BadRequest
from storage.places.place import Absent, Place
from workers.config.toml_lines import TomlPath, line_of, line_of_syntax

FILE_NAME = "chorus.toml"
_MAX_SHOWN = 60  # characters of a value in an error
TABLES = ("defaults", "models", "schedule")  # every table that the file may have

# Takes a value of the file and returns what it means. Raises ValueError with what is allowed.
Check = Callable[[object], object]


class BadChorusToml(BadRequest):
    """A mistake in the file. `key` is the table or key, with dots between its parts."""

    def __init__(self, file: str, line: int, key: str, problem: str) -> None:
        self.file, self.line, self.key, self.problem = file, line, key, problem
        super().__init__(f"{file}, line {line}: {problem}")


@dataclass(frozen=True)
class ChorusToml:
    """The file as text, in which lines are found, and as tables."""

    file: str
    text: str = ""
    tables: Mapping[str, object] = field(default_factory=dict)

    def error_at(self, path: TomlPath, problem: str) -> BadChorusToml:
        """Return an error about the table or key at the path."""
        return BadChorusToml(self.file, line_of(self.text, path), ".".join(map(str, path)), problem)

    def check_table(self, path: TomlPath, value: object) -> dict[str, object]:
        """Return the value at the path if it is a table. Raises BadChorusToml if it is not."""
        if not isinstance(value, dict):
            raise self.error_at(path, f"{header_of(path)} is {_toml(value)}; it must be a table.")
        return value

    def array_of_tables(self, name: str) -> list[tuple[TomlPath, dict[str, object]]]:
        """Return every [[name]] with its path. Raises BadChorusToml if it is no such array."""
        tables = self.tables.get(name, [])
        if not isinstance(tables, list):
            raise self.error_at(
                (name,), f"{name} is {_toml(tables)}; write {header_of((name, 0))} above each one."
            )
        return [
            ((name, index), self.check_table((name, index), table))
            for index, table in enumerate(tables)
        ]

    def check_value(
        self, path: TomlPath, key: str, value: object, checks: Mapping[str, Check], hint: str = ""
    ) -> object:
        """Return what the value of a key means; the key stands in the table at the path.

        `checks` has the allowed keys; `hint` is added to the error about an unknown key. Raises
        BadChorusToml.
        """
        key_path = (*path, key)
        if key not in checks:
            raise self.error_at(
                key_path, unknown_name(f"key in {header_of(path)}", key, tuple(checks)) + hint
            )
        try:
            return checks[key](value)
        except ValueError as error:
            raise self.error_at(
                key_path, f"{key} in {header_of(path)} is {_toml(value)}; allowed is {error}."
            ) from None


def read_toml(place: Place) -> ChorusToml:
    """Read the file below the root; an empty one if there is none. Raises BadChorusToml."""
    try:
        return parse_toml(place.read(FILE_NAME), place.url_of(FILE_NAME))
    except Absent:
        return ChorusToml(place.url_of(FILE_NAME))


def parse_toml(data: bytes, file: str) -> ChorusToml:
    """Parse the bytes of the file; `file` is its name in errors. Raises BadChorusToml."""
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
            raise toml.error_at((name,), unknown_name("table", name, TABLES))
    return toml


def unknown_name(what: str, name: str, allowed: tuple[str, ...]) -> str:
    """Return the error text about an unknown table or key, with those that are allowed."""
    similar = get_close_matches(name, allowed, 1)
    suggestion = f"Did you mean {similar[0]}? " if similar else ""
    return (
        f"there is no {what} with the name {name!r}. {suggestion}There are: {', '.join(allowed)}."
    )


def parse_whole_number(value: object, minimum: int) -> int:
    """Return the value if it is a whole number of at least `minimum`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"a whole number, {minimum} or more")
    return value


def header_of(path: TomlPath) -> str:
    """Return the header of a table as the file has it: [models."a.b"], [[schedule]]."""
    names = [name for name in path if isinstance(name, str)]
    bare = (
        name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
        for name in names
    )
    header = f"[{'.'.join(bare)}]"
    return header if len(names) == len(path) else f"[{header}]"


def _toml(value: object) -> str:
    """Return a value about as the file has it, cut if it is long."""
    text = (
        "a table" if isinstance(value, dict) else json.dumps(value, ensure_ascii=False, default=str)
    )
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"

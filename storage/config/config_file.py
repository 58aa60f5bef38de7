"""A file that a person writes, as text and tables: the reader that all such files share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from storage.config.shown_values import header_of, show_value
from storage.config.toml_lines import KeyPath, contains, line_of
from storage.errors import BadRequest

# Takes a value of the file and returns what it means. Raises ValueError with what is allowed.
ValueCheck = Callable[[object], object]


class BadConfigFile(BadRequest):
    """A mistake in a file. `key` is the table or key, with dots between its parts."""

    def __init__(self, file: str, line: int, key: str, problem: str) -> None:
        self.file, self.line, self.key, self.problem = file, line, key, problem
        super().__init__(f"{file}, line {line}: {problem}")


@dataclass(frozen=True)
class ConfigFile:
    """The file as text, in which lines are found, and as tables."""

    file: str  # its name in errors
    text: str = ""
    tables: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] | None = None  # those of JSON; None: the file is TOML

    @property
    def table_word(self) -> str:
        """Name of a group of keys in this kind of file."""
        return "a table" if self.lines is None else "an object"

    def contains(self, path: KeyPath) -> bool:
        """Tell whether the file has this table or key."""
        return contains(self.tables, path)

    def error_at(self, path: KeyPath, problem: str) -> BadConfigFile:
        """Return an error about a table or key that the file has."""
        line = line_of(self.text, path) if self.lines is None else self.lines[path]
        return BadConfigFile(self.file, line, ".".join(map(str, path)), problem)

    def header_of(self, path: KeyPath) -> str:
        """Return the name of a table as this kind of file has it."""
        return header_of(path, is_json=self.lines is not None)

    def show(self, value: object) -> str:
        """Return a value about as the file has it."""
        return show_value(value, self.table_word)

    def check_table(self, path: KeyPath, value: object) -> dict[str, object]:
        """Return the value at the path if it is a table. Raises BadConfigFile if it is not."""
        if not isinstance(value, dict):
            shown = f"{self.header_of(path)} is {self.show(value)}"
            raise self.error_at(path, f"{shown}; it must be {self.table_word}.")
        return value

    def array_of_tables(
        self, path: KeyPath, value: object
    ) -> list[tuple[KeyPath, dict[str, object]]]:
        """Return the tables of an array, each with its path.

        Raises BadConfigFile if the value is no such array.
        """
        if not isinstance(value, list):
            how = f"write {self.header_of((*path, 0))} above each one"
            raise self.error_at(path, f"{path[-1]} is {self.show(value)}; {how}.")
        return [
            ((*path, index), self.check_table((*path, index), table))
            for index, table in enumerate(value)
        ]

    def check_value(
        self,
        path: KeyPath,
        key: str,
        value: object,
        checks: Mapping[str, ValueCheck],
        hint: str = "",
    ) -> object:
        """Return what the value of a key means; the key stands in the table at the path.

        `checks` has the allowed keys; `hint` is added to the error about an unknown key. Raises
        BadConfigFile.
        """
        key_path = (*path, key)
        where = f" in {self.header_of(path)}" if path else ""
        if key not in checks:
            raise self.error_at(key_path, unknown_name(f"key{where}", key, tuple(checks)) + hint)
        try:
            return checks[key](value)
        except ValueError as error:
            raise self.error_at(
                key_path, f"{key}{where} is {self.show(value)}; allowed is {error}."
            ) from None

    def quoting_hint(self, what: str, path: KeyPath, key: str, value: object) -> str:
        """Return a hint if the table of a name has a table: often a name with a dot lacks quotes.

        `what`: whose name it is. TOML reads [models.a.b] as a table `b` in that of the model `a`.
        """
        if len(path) < 2 or not isinstance(value, dict):
            return ""
        quoted = self.header_of((*path[:-1], f"{path[-1]}.{key}"))
        return f" A {what}'s name with a dot is quoted: {quoted}."

    def check_required(
        self, path: KeyPath, table: Mapping[str, object], required: Sequence[str]
    ) -> None:
        """Raise BadConfigFile for the first of these keys that the table at the path lacks."""
        for key in required:
            if key not in table:
                where = self.header_of(path) if path else "the file"
                raise self.error_at(
                    path, f"{where} has no {key}; it needs {' and '.join(required)}."
                )


def unknown_name(what: str, name: str, allowed: Sequence[str]) -> str:
    """Return the error text about an unknown table or key, with those that are allowed."""
    similar = get_close_matches(name, allowed, 1)
    suggestion = f"Did you mean {similar[0]}? " if similar else ""
    return (
        f"there is no {what} with the name {name!r}. {suggestion}There are: {', '.join(allowed)}."
    )

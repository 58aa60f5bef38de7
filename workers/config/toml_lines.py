"""The line of a table or key in a TOML file, which tomllib does not tell. Pure.

It is found by parsing ever more lines until the table or key appears, so that all spellings that
TOML allows are understood.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

# Names of tables and keys, and positions in an array from 0.
TomlPath = tuple[str | int, ...]


def line_of(text: str, path: TomlPath) -> int:
    """Return the line, from 1, on which a table or key is first written.

    `text` is a valid TOML document that holds the path:

        line_of("[a]\\nb = 1\\n", ("a", "b")) == 2
    """
    lines = text.split("\n")
    return (
        bisect_left(
            range(len(lines)), True, key=lambda index: _contains(_parse(lines, index + 1), path)
        )
        + 1
    )


def _parse(lines: Sequence[str], count: int) -> dict[str, Any]:
    """Parse the first `count` lines, and more of them until the last value is complete."""
    while True:
        try:
            return tomllib.loads("\n".join(lines[:count]) + "\n")
        except tomllib.TOMLDecodeError:
            if count >= len(lines):
                raise
            count += 1


def _contains(value: Any, path: TomlPath) -> bool:  # Any: a value of TOML
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def line_of_syntax(text: str, error: ValueError) -> int:
    """Return the line, from 1, on which tomllib stopped.

    If the error only says that the document has ended, it is the last line.
    """
    matched = re.search(r"at line (\d+)", str(error))
    return int(matched[1]) if matched else text.rstrip("\n").count("\n") + 1

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
KeyPath = tuple[str | int, ...]

_MAX_OPEN_ARRAYS = 3  # around a line; in deeper arrays an element has the line of a later one
_LONG_NUMBER = re.compile(r"\d{1000}")


def line_of(text: str, path: KeyPath) -> int:
    """Return the line, from 1, on which a table, key or element is first written.

    `text` is a valid TOML document that holds the path:

        line_of("[a]\\nb = 1\\n", ("a", "b")) == 2
        line_of("b = [\\n 1,\\n 2,\\n]\\n", ("b", 1)) == 3
    """
    lines = text.split("\n")
    return (
        bisect_left(
            range(len(lines)), True, key=lambda index: contains(_parse(lines, index + 1), path)
        )
        + 1
    )


def _parse(lines: Sequence[str], count: int) -> dict[str, Any]:
    """Parse the first `count` lines, and more of them until the last value is complete.

    Arrays that are open after these lines are closed.
    """
    while True:
        text = "\n".join(lines[:count]) + "\n"
        for open_arrays in range(_MAX_OPEN_ARRAYS + 1):
            try:
                return tomllib.loads(text + "]" * open_arrays)
            except tomllib.TOMLDecodeError:
                if open_arrays == _MAX_OPEN_ARRAYS and count >= len(lines):
                    raise
        count += 1


def contains(value: Any, path: KeyPath) -> bool:  # Any: a value of TOML or JSON
    """Tell whether tables hold a path."""
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
    if matched := re.search(r"at line (\d+)", str(error)):
        return int(matched[1])
    if not isinstance(error, tomllib.TOMLDecodeError) and (number := _LONG_NUMBER.search(text)):
        return text.count("\n", 0, number.start()) + 1
    return text.rstrip("\n").count("\n") + 1

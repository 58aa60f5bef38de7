"""The line of chorus.toml on which something stands, which tomllib does not tell. Pure.

It is found by parsing more and more of the file, so that every way to write a table, a key or a
value is understood as TOML understands it.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

# of a value in the file: names of tables and keys, and positions in an array from 0
Path = tuple[str | int, ...]


def line_of(text: str, path: Path) -> int:
    """Return the line, from 1, on which a table or key is first written.

    `text` is a valid TOML document that holds the path: line_of("[a] b = 1 ", ("a", "b")) == 2.
    """
    lines = text.split("\n")
    return (
        bisect_left(range(len(lines)), True, key=lambda at: _holds(_parsed(lines, at + 1), path))
        + 1
    )


def _parsed(lines: Sequence[str], count: int) -> dict[str, Any]:
    """The first `count` lines, and as many more as the value takes that is cut in two by the end of
    them.
    """
    while True:
        try:
            return tomllib.loads("\n".join(lines[:count]) + "\n")
        except tomllib.TOMLDecodeError:
            if count >= len(lines):
                raise
            count += 1


def _holds(value: Any, path: Path) -> bool:  # Any: a value of TOML
    for at in path:
        try:
            value = value[at]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def line_of_syntax(text: str, error: ValueError) -> int:
    """Return the line, from 1, on which tomllib stopped.

    It is the last line where the error says only that the document has ended.
    """
    matched = re.search(r"at line (\d+)", str(error))
    return int(matched[1]) if matched else text.rstrip("\n").count("\n") + 1

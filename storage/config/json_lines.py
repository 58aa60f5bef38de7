"""The lines of the keys and values in a JSON file, which the json module does not tell. Pure."""

import json
import re

from storage.config.toml_lines import KeyPath

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class RepeatedKey(ValueError):
    """A key that an object has twice; the json module would drop the first."""

    def __init__(self, key: str, line: int) -> None:
        self.key, self.line = key, line
        super().__init__(f"the key {key!r} is repeated")


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every key and every element of an array.

    `text` is a valid JSON document. Raises RepeatedKey.

        lines_of('{"a": [\\n 1]}') == {(): 1, ("a",): 1, ("a", 0): 2}
    """
    lines: dict[KeyPath, int] = {(): 1}
    _read_value(text, _skip(text, 0), (), lines)
    return lines


def _read_value(text: str, at: int, path: KeyPath, lines: dict[KeyPath, int]) -> int:
    """Add the lines within the value that begins at a position; return where it ends."""
    if text[at] not in "{[":
        return _DECODER.raw_decode(text, at)[1]
    is_object, element = text[at] == "{", 0
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        line = text.count("\n", 0, at) + 1
        step: str | int = element
        if is_object:
            step, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # after the colon
        if (*path, step) in lines:
            raise RepeatedKey(str(step), line)
        lines[(*path, step)] = line
        at = _skip(text, _read_value(text, at, (*path, step), lines))
        if text[at] == ",":
            at = _skip(text, at + 1)
        element += 1
    return at + 1


def _skip(text: str, at: int) -> int:
    """Return the position of the first character from there on that is no white space."""
    matched = _SPACE.match(text, at)
    return matched.end() if matched else at

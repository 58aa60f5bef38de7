"""Checks of single values. Each raises ValueError with what is allowed. Pure."""

import math
import re
from collections.abc import Callable

from storage.names import is_name

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # half of a surrogate pair; UTF-8 has no such


def parse_whole_number(value: object, minimum: int) -> int:
    """Return the value if it is a whole number of at least `minimum`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"a whole number, {minimum} or more")
    return value


def parse_number(value: object, is_allowed: Callable[[float], bool], allowed: str) -> float:
    """Return the value if it is a number for which `is_allowed` holds, which NaN must not be.

    `allowed` describes these numbers. Raises ValueError.
    """
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not is_allowed(number):
        raise ValueError(allowed)
    return number


def parse_share(value: object) -> float:
    """Return the value if it is a number from 0 to 1. Raises ValueError."""
    return parse_number(value, lambda share: 0 <= share <= 1, "a number from 0 to 1, such as 0.02")


def parse_text(value: object) -> str:
    """Return the value if it is a text that UTF-8 can hold. Raises ValueError."""
    if not isinstance(value, str) or _HALF_CHARACTER.search(value):
        raise ValueError("a text of whole characters")
    return value


def parse_name(kind: str, value: object) -> str:
    """Return the value if it is a name; `kind` says of what. Raises ValueError."""
    if not isinstance(value, str) or not is_name(value):
        raise ValueError(
            f"the name of {kind}: 1 to 63 lower-case letters, digits, '-', '_' and dots inside"
        )
    return value

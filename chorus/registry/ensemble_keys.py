"""The keys of an ensemble file, with what each allows. Pure."""

import math

from ensemble.combine import METHODS
from ensemble.spec import TARGET_NAME
from storage.config.config_file import ValueCheck
from storage.config.value_checks import (
    parse_name,
    parse_number,
    parse_share,
    parse_text,
    parse_whole_number,
)
from storage.names import is_name

_MODES = ("one_of", "any_of")


def _array_of(what: str) -> ValueCheck:
    """Return a check of an array of tables, which have keys of their own."""

    def check(value: object) -> object:
        if not isinstance(value, list) or not value:
            raise ValueError(f"an array of one or more {what}")
        return value

    return check


def _target_name(value: object) -> str:
    if not isinstance(value, str) or not TARGET_NAME.fullmatch(value):
        raise ValueError("a name of lower-case letters, digits and '_' that begins with a letter")
    return value


def _one_of(allowed: tuple[str, ...]) -> ValueCheck:
    def check(value: object) -> object:
        if value not in allowed:
            raise ValueError(" or ".join(f'"{name}"' for name in allowed))
        return value

    return check


def _version(value: object) -> int | str:
    if isinstance(value, str) and is_name(value) and not value.isdecimal():
        return value
    try:
        return parse_whole_number(value, 1)
    except ValueError:
        raise ValueError('the number of a version, or an alias such as "champion"') from None


ENSEMBLE_KEYS: dict[str, ValueCheck] = {
    "description": parse_text,
    "targets": _array_of("targets"),
    "review_below": parse_share,
}

TARGET_KEYS: dict[str, ValueCheck] = {
    "name": _target_name,
    "mode": _one_of(_MODES),
    "members": _array_of("members"),
    "threshold": lambda value: parse_number(
        value, lambda share: 0 < share < 1, "a number above 0 and below 1"
    ),
    "method": _one_of(tuple(sorted(METHODS))),
}

MEMBER_KEYS: dict[str, ValueCheck] = {
    "model": lambda value: parse_name("a model", value),
    "weight": lambda value: parse_number(
        value, lambda weight: 0 < weight < math.inf, "a number above 0"
    ),
    "version": _version,
}

"""Durations and sizes as people write them in chorus.toml. Pure."""

import re
from collections.abc import Mapping

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_BYTES = {"B": 1} | {f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)}
_BYTES |= {f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([a-zA-Z]+)")
_MAX_SECONDS = 1e9  # thirty years: a longer duration, inf included, is a mistake

DURATION = 'seconds as a number, or a text with s, m, h or d such as "90s", "2m" or "1h"'
SIZE = (
    "bytes as a whole number, or a text with B, KB, MB, GB, TB (or KiB to TiB) "
    'such as "600 MB" or "2 GB"'
)


def parse_duration(value: object) -> float:
    """Return the seconds of a duration: a number, or a text with a unit. Raises ValueError."""
    number = _quantity(value, _SECONDS, DURATION) if isinstance(value, str) else value
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not 0 <= number <= _MAX_SECONDS
    ):
        raise ValueError(DURATION)
    return float(number)


def parse_size(value: object) -> int:
    """Return the bytes of a size: a number, or a text with a unit. Raises ValueError."""
    number = round(_quantity(value, _BYTES, SIZE)) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(SIZE)
    return number


def _quantity(text: str, units: Mapping[str, int], allowed: str) -> float:
    matched = _QUANTITY.fullmatch(text.strip())
    if not matched or matched[2] not in units:
        raise ValueError(allowed)
    return float(matched[1]) * units[matched[2]]

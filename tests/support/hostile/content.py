"""How a hostile file is written."""

from collections.abc import Callable
from pathlib import Path

Write = Callable[[Path], object]


def content(data: bytes | Callable[[], bytes]) -> Write:
    """Return the function that writes bytes; many bytes are made when they are written."""
    return lambda file: file.write_bytes(data if isinstance(data, bytes) else data())


def filled(start: bytes, unit: bytes, times: int, end: bytes = b"") -> Write:
    """Return the function that writes a unit again and again, after a start and before an end."""
    return content(lambda: start + unit * times + end)

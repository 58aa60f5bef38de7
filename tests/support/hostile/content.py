"""How a hostile file is written."""

from collections.abc import Callable
from pathlib import Path

Write = Callable[[Path], object]


def content(data: bytes) -> Write:
    """Return the function that writes these bytes."""
    return lambda file: file.write_bytes(data)

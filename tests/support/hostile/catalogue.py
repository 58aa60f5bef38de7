"""The catalogue of hostile files, each made by a function that writes it in a moment."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Write = Callable[[Path], object]


@dataclass(frozen=True)
class HostileFile:
    """A file by its name, whose extension says what it pretends to be."""

    name: str
    write: Write


def hostile_files() -> Iterator[HostileFile]:
    """Yield all hostile files, one after the other: the content of many is large."""
    from tests.support.hostile import (
        gzip_bombs,
        json_shapes,
        parquet_bombs,
        parquet_damage,
        text_shapes,
    )

    for module in (gzip_bombs, text_shapes, json_shapes, parquet_bombs, parquet_damage):
        for name, write in module.files():
            yield HostileFile(name, write)


def content(data: bytes) -> Write:
    """Return the function that writes these bytes."""
    return lambda file: file.write_bytes(data)

"""The catalogue of hostile files, each made by a function that writes it in a moment."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.hostile import (
    gzip_bombs,
    json_shapes,
    parquet_bombs,
    parquet_damage,
    text_shapes,
    workbook_bombs,
    zip_bombs,
)
from tests.support.hostile.content import Write

_MODULES = (
    gzip_bombs,
    zip_bombs,
    text_shapes,
    json_shapes,
    parquet_bombs,
    parquet_damage,
    workbook_bombs,
)


@dataclass(frozen=True)
class HostileFile:
    """A file by its name, whose extension says what it pretends to be."""

    name: str
    write: Write


def hostile_files() -> Iterator[HostileFile]:
    """Yield all hostile files, one after the other: the content of many is large."""
    for module in _MODULES:
        for name, write in module.files():
            yield HostileFile(name, write)

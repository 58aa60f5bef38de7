"""The formats of an export, and their choice by the name of the file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa

FileFormat = Literal["csv", "xlsx", "jsonl", "parquet"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

# The types of columns that are not strings, numbers or bool.
LABELS = pa.list_(pa.string())  # the labels of an any_of target
TIME = pa.timestamp("ms")  # in UTC, without a time zone: Excel and pandas.to_excel know none

WriteRows = Callable[[pa.Table], None]
# Opens a writer of a new file; its tables have this schema.
OpenWriter = Callable[[Path, pa.Schema], AbstractContextManager[WriteRows]]


def format_of(name: str) -> FileFormat | None:
    """Return the format that the end of a file's name says; None if it says none.

    >>> format_of("gs://acme/out/Labels.CSV"), format_of("labels")
    ('csv', None)
    """
    suffix = name.rpartition("/")[2].lower().rpartition(".")[2]
    return next((format_ for format_ in FORMATS if format_ == suffix and "." in name), None)

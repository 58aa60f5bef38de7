"""Small Parquet files that decode to gigabytes, and absurd schemas."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.hostile.content import Write


def files() -> Iterator[tuple[str, Write]]:
    yield from _dictionaries()
    yield from _runs()
    yield from _schemas()


def table(make: Callable[[], dict[str, Any]], **options: object) -> Write:
    return lambda file: pq.write_table(pa.table(make()), file, **options)


def repeated(value: object, rows: int, kind: pa.DataType | None = None) -> pa.DictionaryArray:
    """Return a column that holds one value in every row, in little memory."""
    indices = pa.array(np.zeros(rows, dtype=np.int8))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], kind))


def _dictionaries() -> Iterator[tuple[str, Write]]:
    for name, size, rows in (
        ("20000-times-1mb", 1 << 20, 20_000),
        ("3000000-times-10kb", 10_000, 3_000_000),
        ("1000000-times-100kb", 100_000, 1_000_000),
        ("100000-times-900kb", 900_000, 100_000),
        ("10-times-100mb", 100 << 20, 10),
        ("20000000-times-10b", 10, 20_000_000),
    ):
        yield f"dictionary-{name}.parquet", _dictionary(size, rows, "text")
        yield f"dictionary-{name}-beside.parquet", _dictionary(size, rows, "note")
    yield (
        "dictionary-of-bytes.parquet",
        table(lambda: {"text": repeated("a", 100_000), "x": repeated(b"\xff" * 500_000, 100_000)}),
    )
    yield (
        "dictionary-fixed-size.parquet",
        table(
            lambda: {
                "text": repeated("a", 1_000),
                "x": repeated(bytes(1 << 16), 1_000, pa.binary(1 << 16)),
            }
        ),
    )
    yield (
        "dictionary-of-many.parquet",
        table(lambda: {"text": [f"text {n}" for n in range(1_100_000)]}),
    )
    yield "dictionary-in-lists.parquet", lambda file: _nested(file, pa.list_(pa.string()))


def _dictionary(size: int, rows: int, column: str) -> Write:
    def write(file: Path) -> None:
        columns = {column: repeated("x" * size, rows)}
        if column != "text":
            columns["text"] = repeated("some words", rows)
        pq.write_table(pa.table(columns), file, compression="zstd", use_dictionary=True)

    return write


def _nested(file: Path, kind: pa.DataType) -> None:
    value = ["y" * 100_000] * 20
    pq.write_table(pa.table({"text": ["a"] * 200, "x": pa.array([value] * 200, kind)}), file)


def _runs() -> Iterator[tuple[str, Write]]:
    rows = 20_000_000
    yield "runs-of-nulls.parquet", table(lambda: {"text": pa.nulls(rows, pa.string())})
    yield (
        "runs-of-null-type.parquet",
        table(lambda: {"text": repeated("a", rows), "x": pa.nulls(rows)}),
    )
    yield (
        "runs-of-numbers.parquet",
        table(lambda: {"text": repeated("a", 2_000_000), "x": pa.array(np.zeros(2_000_000))}),
    )
    for name, kind in (("nulls", pa.null()), ("zeros", pa.int8()), ("false", pa.bool_())):
        yield f"list-of-{name}.parquet", _endless_list(kind)


def _endless_list(kind: pa.DataType) -> Write:
    """Return the function that writes one row with a list of fifty million equal values."""

    def write(file: Path) -> None:
        elements = 50_000_000
        zeros = pa.array(np.zeros(elements, dtype=np.int8))
        values = pa.nulls(elements, pa.int8()) if pa.types.is_null(kind) else zeros.cast(kind)
        lists = pa.ListArray.from_arrays(pa.array([0, elements], pa.int32()), values)
        pq.write_table(pa.table({"text": ["a"], "x": lists}), file)

    return write


def _schemas() -> Iterator[tuple[str, Write]]:
    for depth in (30, 65, 200):
        yield f"schema-lists-{depth}.parquet", _nested_type(depth, pa.list_)
        yield f"schema-structs-{depth}.parquet", _nested_type(depth, lambda t: pa.struct({"a": t}))
    for number in (5_000, 20_000):
        yield f"schema-{number}-columns.parquet", _wide(number, pa.array(["x"]))
    yield "schema-wide-texts.parquet", _wide(300, repeated("y" * 1000, 4_000))
    yield "schema-5000-row-groups.parquet", table(lambda: {"text": ["a"] * 5_000}, row_group_size=1)
    yield "schema-long-name.parquet", table(lambda: {"text": ["a"], "x" * 5_000_000: ["b"]})
    yield "schema-empty-names.parquet", table(lambda: {"text": ["a"], "": ["b"], "\x00": ["c"]})
    yield (
        "schema-metadata.parquet",
        lambda file: pq.write_table(
            pa.table({"text": ["a"]}).replace_schema_metadata({"x": "y" * 50_000_000}), file
        ),
    )


def _nested_type(depth: int, nest: Callable[[pa.DataType], pa.DataType]) -> Write:
    kind = pa.int8()
    for _ in range(depth):
        kind = nest(kind)
    return table(lambda: {"text": ["a"], "x": pa.nulls(1, kind)})


def _wide(number: int, column: pa.Array) -> Write:
    return table(lambda: {"text": column, **{f"c{at}": column for at in range(number)}})

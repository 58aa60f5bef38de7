"""Writers of CSV and JSON Lines."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv

from tasks.formats.cell_values import joined_labels, without_formulas
from tasks.formats.output_format import TIME, WriteRows

_MARK = b"\xef\xbb\xbf"  # with the byte order mark Excel reads UTF-8
_SECONDS = pa.timestamp("s")
_CSV = arrow_csv.WriteOptions(include_header=False)


@contextmanager
def csv_writer(path: Path, schema: pa.Schema) -> Iterator[WriteRows]:
    """Write UTF-8 with a byte order mark; texts are quoted, and none is a formula."""
    with path.open("wb") as file:
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(
            without_formulas(pa.array(schema.names)).to_pylist()
        )
        file.write(_MARK + header.getvalue().encode())

        def write(table: pa.Table) -> None:
            arrow_csv.write_csv(_csv_cells(table), file, _CSV)

        yield write


@contextmanager
def jsonl_writer(path: Path, schema: pa.Schema) -> Iterator[WriteRows]:
    """Write one JSON object a row, with every column in it; times are ISO 8601 in UTC."""
    times = [field.name for field in schema if field.type == TIME]
    with path.open("w", encoding="utf-8", newline="\n") as file:

        def write(table: pa.Table) -> None:
            for row in table.to_pylist():
                for name in times:
                    row[name] = row[name] and f"{row[name]:%Y-%m-%dT%H:%M:%SZ}"
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

        yield write


def _csv_cells(table: pa.Table) -> pa.Table:
    columns = []
    for values in joined_labels(table).columns:
        if pa.types.is_string(values.type):
            values = without_formulas(values)
        elif values.type == TIME:
            values = values.cast(_SECONDS, safe=False)
        columns.append(values)
    return pa.Table.from_arrays(columns, names=table.column_names)

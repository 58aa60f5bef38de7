"""The caller's columns of some rows: of stored feedback, and of rejected records."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.records.feedback import UploadSource
from tasks.export.raw_record import restore_columns


class CallerColumn(NamedTuple):
    """A column of the upload: the id, the text, or another one of this name.

    `absent`: a column that another upload of the customer has.
    """

    role: Literal["id", "text", "other", "absent"]
    name: str


def feedback_values(chunk: pa.Table, columns: Sequence[CallerColumn]) -> list[pa.Array]:
    """Return each column's values, [rows] strings, of a chunk with `id`, `text` and `extra`."""
    others = [column.name for column in columns if column.role == "other"]
    values = dict(zip(others, _extra_values(chunk["extra"].combine_chunks(), others), strict=True))

    def value(column: CallerColumn) -> pa.Array:
        if column.role == "absent":
            return pa.nulls(len(chunk), pa.string())
        if column.role == "other":
            return values[column.name]
        return chunk[column.role].combine_chunks()

    return [*map(value, columns)]


def rejected_values(
    rejects: pa.Table, source: UploadSource, columns: Sequence[CallerColumn]
) -> tuple[list[pa.Array], pa.Array]:
    """Return each column's values of rejects, and the records of which no column is known.

    `rejects`: schema REJECTS. The id is that of the reject, if it has one.
    """
    records = rejects["raw"].to_pylist()
    restored = [restore_columns(record, source) for record in records]
    names = {"id": source.id_column or "", "text": source.text_column}
    values = []
    for column in columns:
        name = names.get(column.role, column.name)
        known = restored if column.role != "absent" else [None] * len(restored)
        column_values = pa.array([row and row.get(name) for row in known], pa.string())
        if column.role == "id":
            column_values = pc.coalesce(rejects["id"].combine_chunks(), column_values)
        values.append(column_values)
    unknown = [
        record if row is None else None for record, row in zip(records, restored, strict=True)
    ]
    return values, pa.array(unknown, pa.string())


def _extra_values(extra: pa.MapArray, names: Sequence[str]) -> list[pa.Array]:
    """Return the values of these keys, [rows] strings each, null where a row lacks the key.

    All keys are looked up in one pass: an upload may have thousands of columns.
    """
    if not names:
        return []
    keys, items = extra.keys, extra.items
    rows = np.repeat(np.arange(len(extra)), np.diff(extra.offsets.to_numpy()))
    positions = pc.index_in(keys, pa.array(names, pa.string()))
    known = positions.is_valid().to_numpy(zero_copy_only=False)
    item_of = np.full((len(names), len(extra)), -1, dtype=np.int64)
    columns = positions.drop_null().to_numpy()
    # from the last to the first: of a repeated key, the first value counts
    item_of[columns[::-1], rows[known][::-1]] = np.flatnonzero(known)[::-1]
    return [items.take(pa.array(row, mask=row < 0)) for row in item_of]

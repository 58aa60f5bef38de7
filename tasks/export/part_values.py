"""The values of labelled rows as flat columns. Pure."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.export.flat_columns import DETAIL, REASON, RECORD, ResultColumn, ResultKey, TargetLabels


def part_values(
    part: pa.Table, columns: Sequence[ResultColumn], targets: Sequence[TargetLabels]
) -> Iterator[tuple[ResultColumn, pa.Array]]:
    """Yield the columns that the labelled rows of a part have, with their [rows] values.

    Parts of earlier versions lack agreement and review by target: those of a single target are
    those of the row.
    """
    for column in columns:
        key = column.key
        if key in (REASON, DETAIL, RECORD):  # of rejects: a column of this name is the caller's
            continue
        if len(targets) == 1 and key.target and key.kind in ("agreement", "needs_review"):
            key = ResultKey(key.kind)
        values = _values(part, key)
        if values is not None and _is_castable(values.type, column.type):
            yield column, _converted(values, column.type)


def _values(part: pa.Table, key: ResultKey) -> pa.Array | None:
    if key.kind == "probability":
        structs = _column(part, f"{key.target}_probabilities")
        if structs is None or key.label not in structs.type.names:
            return None
        return pc.struct_field(structs, structs.type.get_field_index(key.label))
    if key.kind in ("label", "labels"):
        return _column(part, key.target)
    return _column(part, f"{key.target}_{key.kind}" if key.target else key.kind)


def _column(part: pa.Table, name: str) -> pa.Array | None:
    return part[name].combine_chunks() if name in part.column_names else None


def _is_castable(actual: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a column is ours: a column of the caller with its name is a string."""
    if pa.types.is_floating(wanted):
        return bool(pa.types.is_floating(actual))
    if pa.types.is_timestamp(wanted):
        return bool(pa.types.is_timestamp(actual))
    return bool(actual == wanted)


def _converted(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Return float32 as the float64 with the fewest digits that identify it: 0.9, not 0.89999998.

    Times lose their time zone, which is UTC.
    """
    if pa.types.is_float32(values.type):
        return values.cast(pa.string()).cast(wanted)
    return values.cast(wanted)

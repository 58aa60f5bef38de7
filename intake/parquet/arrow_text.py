"""Arrow columns of any type as text."""

import base64
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt


@dataclass(frozen=True)
class TextColumn:
    """One column as strings."""

    values: pa.StringArray  # [n] null where the value was null, NaN or invalid
    invalid: npt.NDArray[np.bool_]  # [n] a string that is not valid UTF-8


def holds_text(kind: pa.DataType) -> bool:
    """Return True for strings, bytes (which may be UTF-8), dictionaries of these, and nulls."""
    if pt.is_dictionary(kind):
        return holds_text(kind.value_type)
    return _is_string(kind) or _is_bytes(kind) or pt.is_null(kind)


def text_column(column: pa.Array) -> TextColumn:
    """Convert a column to strings.

    Strings stay as they are, dates and numbers become what Arrow casts them to (12.0 becomes 12),
    lists and structs become JSON.
    """
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_string(column.type) or _is_bytes(column.type):
        return _validate_utf8(column)
    if pt.is_nested(column.type):
        values = pa.array([_to_json(value) for value in column.to_pylist()], pa.string())
    elif pt.is_floating(column.type):
        values = pc.if_else(pc.is_nan(column), None, column.cast(pa.string()))
    else:
        values = column.cast(pa.string())
    return TextColumn(values, np.zeros(len(column), dtype=np.bool_))


def extra_column(column: pa.Array) -> TextColumn:
    """Convert a column that is only kept, as `text_column` does.

    Bytes in it that are not UTF-8 are no fault: they become Base64.
    """
    texts = text_column(column)
    if not _is_bytes(column.type) or not texts.invalid.any():
        return texts
    encoded = [
        None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()
    ]
    values = pc.if_else(pa.array(texts.invalid), pa.array(encoded, pa.string()), texts.values)
    return TextColumn(values, np.zeros_like(texts.invalid))


def _validate_utf8(column: pa.Array) -> TextColumn:
    """Find invalid strings: pyarrow reads them from a file, and fails only when they are used."""
    as_bytes = column.cast(pa.large_binary())
    try:
        values = as_bytes.cast(pa.string())
    except pa.ArrowInvalid:
        values = pa.array(
            [None if value is None else _decode_or_none(value) for value in as_bytes.to_pylist()],
            pa.string(),
        )
    present = as_bytes.is_valid().to_numpy(zero_copy_only=False)
    return TextColumn(values, values.is_null().to_numpy(zero_copy_only=False) & present)


def _decode_or_none(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _to_json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=_json_string)


def _json_string(value: object) -> str:
    """Return a string for what JSON has no form for: Base64 of bytes, else the value as printed."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _is_string(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pt.is_binary(kind)
        or pt.is_large_binary(kind)
        or pt.is_binary_view(kind)
        or pt.is_fixed_size_binary(kind)
    )

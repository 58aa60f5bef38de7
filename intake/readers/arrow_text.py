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


def is_text(kind: pa.DataType) -> bool:
    """True for strings, for bytes (which may be UTF-8), for dictionaries of these, and for nothing
    but nulls.
    """
    if pt.is_dictionary(kind):
        return is_text(kind.value_type)
    return _is_string(kind) or _is_bytes(kind) or pt.is_null(kind)


def text_column(column: pa.Array) -> TextColumn:
    """Strings as they are, dates and numbers as Arrow casts them (12.0 as 12), lists and structs as
    JSON.
    """
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_string(column.type) or _is_bytes(column.type):
        return _checked(column)
    if pt.is_nested(column.type):
        values = pa.array([_json(value) for value in column.to_pylist()], pa.string())
    elif pt.is_floating(column.type):
        values = pc.if_else(pc.is_nan(column), None, column.cast(pa.string()))
    else:
        values = column.cast(pa.string())
    return TextColumn(values, np.zeros(len(column), dtype=np.bool_))


def extra_column(column: pa.Array) -> TextColumn:
    """The same for a column that is only kept: there, bytes that are not UTF-8 are no fault but
    become Base64.
    """
    texts = text_column(column)
    if not _is_bytes(column.type) or not texts.invalid.any():
        return texts
    encoded = [
        None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()
    ]
    values = pc.if_else(pa.array(texts.invalid), pa.array(encoded, pa.string()), texts.values)
    return TextColumn(values, np.zeros_like(texts.invalid))


def _checked(column: pa.Array) -> TextColumn:
    """A file may hold strings that are not UTF-8: pyarrow reads them, and only fails when they are
    used.
    """
    as_bytes = column.cast(pa.large_binary())
    try:
        values = as_bytes.cast(pa.string())
    except pa.ArrowInvalid:
        values = pa.array(
            [None if value is None else _decoded(value) for value in as_bytes.to_pylist()],
            pa.string(),
        )
    return TextColumn(values, (values.is_null().to_numpy(zero_copy_only=False) & _there(as_bytes)))


def _there(column: pa.Array) -> npt.NDArray[np.bool_]:
    there: npt.NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return there


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    """For what JSON has no form for: bytes as Base64, dates and the like as they print."""
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

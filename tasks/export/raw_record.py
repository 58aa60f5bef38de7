"""The caller's columns of a rejected row, from the record as it came. Pure."""

import csv
import json
from collections.abc import Mapping, Sequence

from storage.records.feedback import RAW_CHARS, UploadSource
from storage.tables import storable_text


def restore_columns(raw: str | None, source: UploadSource) -> Mapping[str, str | None] | None:
    """Return column → value of a record, None if it cannot be split into the file's columns.

    It cannot where it was cut, has another number of fields than the header, or is no JSON object.
    So no value is ever put into a wrong column.
    """
    if raw is None or len(raw) >= RAW_CHARS:
        return None
    if source.delimiter:
        return _by_position(_split(raw, source.delimiter), source.columns)
    try:
        value = json.loads(raw, strict=False)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        return _by_position([_as_text(item) for item in value], source.columns)
    if isinstance(value, dict):
        return {str(key): _as_text(item) for key, item in value.items()}
    return None


def _by_position(
    values: Sequence[str | None] | None, columns: Sequence[str]
) -> Mapping[str, str | None] | None:
    if values is None or len(values) != len(columns):
        return None
    return dict(zip(columns, values, strict=True))


def _split(raw: str, delimiter: str) -> list[str] | None:
    """Return the fields of one CSV record; None if it is not exactly one."""
    try:
        rows = list(csv.reader([raw + "\n"], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    # JSON may hold half of a surrogate pair, escaped: such a row is a reject.
    return storable_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

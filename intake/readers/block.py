"""The output of every reader: blocks of records, with the records that were rejected on the way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class RejectReason(StrEnum):
    """Every reason for which a record is rejected before it becomes feedback."""

    NO_TEXT = "no text"
    TOO_LONG = "text too long"
    BAD_ID = "bad id"
    DUPLICATE_ID = "duplicate id"
    FIELDS = "wrong number of fields"
    UNDECODABLE = "undecodable"
    NOT_AN_OBJECT = "not a JSON object"
    UNKNOWN_CUSTOMER = "unknown customer"
    TOO_LARGE = "message too large"


UNDECODABLE_DETAIL = "some of its bytes are no characters in the encoding of the file"


@dataclass(frozen=True)
class Reject:
    """One record that cannot become feedback."""

    row: int  # number of the record, from 1, header not counted
    id: str | None
    reason: RejectReason
    detail: str
    raw: str  # as it came; may hold lone surrogates, may be long


@dataclass(frozen=True)
class RecordBlock:
    """Some records in the order of the upload: n that may become feedback, and some rejects."""

    row_numbers: npt.NDArray[np.int64]  # [n] record numbers, ascending
    ids: pa.StringArray | None  # [n], null where a record has none; None: the upload has no ids
    texts: pa.StringArray  # [n], null where a record has none
    extra: pa.MapArray  # [n] the caller's other columns
    columns: tuple[str, ...]  # the names that may occur in `extra`
    raw_record: Callable[[int], str]  # position in this block → the record as it came
    rejects: Sequence[Reject] = ()
    blank_rows: int = 0  # rows with nothing in them that were dropped


@dataclass(frozen=True)
class OpenedUpload:
    """An upload whose columns are chosen and whose records are still to be read."""

    text_column: str
    id_column: str | None
    columns: tuple[str, ...]  # all of them in the order of the file; of JSON Lines, the first keys
    blocks: Iterator[RecordBlock]
    notices: tuple[str, ...] = ()  # for people: what was chosen and not requested


def has_invalid_characters(text: str) -> bool:
    """Return True if the text has a lone surrogate, the mark of bytes that were undecodable."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def extra_map(names: Sequence[str], columns: Sequence[pa.StringArray], rows: int) -> pa.MapArray:
    """Return columns, [rows] strings each, as [rows] maps from name to value, without nulls."""
    if not columns:
        return extra_map_from_pairs([], [0] * (rows + 1))
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(names)), rows)))
    items = columns[0] if len(columns) == 1 else _interleave(columns, rows)
    offsets = np.arange(rows + 1, dtype=np.int32) * len(names)
    if items.null_count:
        valid = items.is_valid()
        valid_before = np.concatenate(
            [[0], np.cumsum(valid.to_numpy(zero_copy_only=False), dtype=np.int32)]
        )
        keys, items, offsets = keys.filter(valid), items.filter(valid), valid_before[offsets]
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items)


def extra_map_from_pairs(pairs: Sequence[tuple[str, str]], offsets: Sequence[int]) -> pa.MapArray:
    """Return maps from the (key, value) pairs of all rows, one row after the other.

    Row i holds pairs[offsets[i]:offsets[i + 1]].
    """
    keys = pa.array([key for key, _ in pairs], pa.string())
    items = pa.array([value for _, value in pairs], pa.string())
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items)


def _interleave(columns: Sequence[pa.StringArray], rows: int) -> pa.StringArray:
    """Return the values of several columns, row by row."""
    order = np.arange(len(columns) * rows).reshape(len(columns), rows).T.ravel()
    return pa.concat_arrays(list(columns)).take(pa.array(order))

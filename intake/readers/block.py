"""What every reader yields: a block of records, and the records that fell out on the way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class RejectReason(StrEnum):
    """Why a record is no feedback: all there are."""

    NO_TEXT = "no text"
    TOO_LONG = "text too long"
    BAD_ID = "bad id"
    DUPLICATE_ID = "duplicate id"
    FIELDS = "wrong number of fields"
    UNDECODABLE = "undecodable"
    NOT_AN_OBJECT = "not a JSON object"
    UNKNOWN_CUSTOMER = "unknown customer"
    TOO_LARGE = "message too large"


@dataclass(frozen=True)
class Reject:
    """One record that is no feedback."""

    row: int
    id: str | None
    reason: RejectReason
    detail: str
    raw: str  # as it came; may hold lone surrogates, may be long


@dataclass(frozen=True)
class RecordBlock:
    """Records in the order of the upload. n records may become feedback, `rejects` never will."""

    row_numbers: npt.NDArray[np.int64]  # [n] record numbers, ascending
    ids: pa.StringArray | None  # [n], null where a record has none; None: the upload has no ids
    texts: pa.StringArray  # [n], null where a record has none
    extra: pa.MapArray  # [n] the caller's other columns
    columns: tuple[str, ...]  # the names that may occur in `extra`
    raw_record: Callable[[int], str]  # position in this block → the record as it came
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True)
class OpenedUpload:
    """An upload whose columns are known; its records are still to be read."""

    text_column: str
    id_column: str | None
    blocks: Iterator[RecordBlock]


def has_invalid_characters(text: str) -> bool:
    """True if the text has a lone surrogate: the mark of bytes that could not be decoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def extra_map(names: Sequence[str], columns: Sequence[pa.StringArray], rows: int) -> pa.MapArray:
    """The other columns, [rows] each, as one map a row, in the order of the columns; nulls are left
    out.
    """
    if not columns:
        return extra_map_from_pairs([], [0] * (rows + 1))
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(len(names)), rows)))
    items = columns[0] if len(columns) == 1 else _row_by_row(columns, rows)
    offsets = np.arange(rows + 1, dtype=np.int32) * len(names)
    if items.null_count:
        there = items.is_valid()
        before = np.concatenate(
            [[0], np.cumsum(there.to_numpy(zero_copy_only=False), dtype=np.int32)]
        )
        keys, items, offsets = keys.filter(there), items.filter(there), before[offsets]
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items)


def extra_map_from_pairs(pairs: Sequence[tuple[str, str]], offsets: Sequence[int]) -> pa.MapArray:
    """Maps from (key, value) pairs of all rows end to end; row i holds pairs[offsets[i]:offsets[i +
    1]].
    """
    keys = pa.array([key for key, _ in pairs], pa.string())
    items = pa.array([value for _, value in pairs], pa.string())
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items)


def _row_by_row(columns: Sequence[pa.StringArray], rows: int) -> pa.StringArray:
    order = np.arange(len(columns) * rows).reshape(len(columns), rows).T.ravel()
    return pa.concat_arrays(list(columns)).take(pa.array(order))

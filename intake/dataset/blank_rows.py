"""Rows that hold nothing, such as the empty rows below a table: counted, and neither feedback nor
rejects.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intake.readers.block import RecordBlock

# [256] whether a byte is the first of a white space character in UTF-8
_STARTS_SPACE = np.isin(np.arange(256), [*range(9, 14), *range(28, 33), 0xC2, 0xE1, 0xE2, 0xE3])


def drop_blank_rows(block: RecordBlock) -> RecordBlock:
    """Return the block without the rows whose values are all missing, empty or white space.

    They are counted in `blank_rows`. The other rows keep their numbers.
    """
    candidates = _may_be_blank(block.texts)
    if len(candidates):
        candidates = candidates[_is_blank(block.texts.take(pa.array(candidates)))]
    if not len(candidates):
        return block
    empty = _is_empty(block)  # most blank rows; the others are looked at one by one
    blank = [
        position
        for position in candidates.tolist()
        if empty[position] or _holds_nothing(block, position)
    ]
    if not blank:
        return block
    kept = np.delete(np.arange(len(block.texts)), blank)
    return _take(block, kept.tolist(), len(blank))


def _may_be_blank(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    """Return the positions of texts that are missing or empty, or may begin with white space.

    A look at one byte of each is much faster than one at each whole text.
    """
    _, offsets, data = texts.buffers()
    if data is None or not data.size:
        return np.arange(len(texts))
    ends = np.frombuffer(offsets, dtype="<i4")[texts.offset : texts.offset + len(texts) + 1]
    first = np.frombuffer(data, dtype=np.uint8)[np.minimum(ends[:-1], data.size - 1)]
    missing = texts.is_null().to_numpy(zero_copy_only=False)
    return np.flatnonzero((ends[1:] == ends[:-1]) | _STARTS_SPACE[first] | missing)


def _is_empty(block: RecordBlock) -> npt.NDArray[np.bool_]:
    """Return [n] whether a row has neither an id nor another value, not even white space."""
    # [items + 1] how many values are not empty before each position
    filled = np.concatenate([[0], np.cumsum(_has_length(block.extra.items))])
    offsets = block.extra.offsets.to_numpy()
    empty = filled[offsets[1:]] == filled[offsets[:-1]]
    return np.asarray(empty if block.ids is None else empty & ~_has_length(block.ids))


def _has_length(values: pa.StringArray) -> npt.NDArray[np.bool_]:
    lengths = pc.binary_length(values).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False) > 0)


def _holds_nothing(block: RecordBlock, position: int) -> bool:
    """Return True if a row whose text is blank has no id and no other value."""
    id_ = None if block.ids is None else block.ids[position].as_py()
    values = [value for _, value in block.extra[position].as_py()]
    return not any(value and not value.isspace() for value in (id_, *values))


def _is_blank(texts: pa.StringArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    blank = pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts))
    return np.asarray(blank.fill_null(True).to_numpy(zero_copy_only=False))


def _take(block: RecordBlock, kept: Sequence[int], blank: int) -> RecordBlock:
    positions = pa.array(kept, pa.int64())
    return replace(
        block,
        row_numbers=block.row_numbers[kept],
        ids=None if block.ids is None else block.ids.take(positions),
        texts=block.texts.take(positions),
        extra=block.extra.take(positions),
        raw_record=lambda position: block.raw_record(kept[position]),
        blank_rows=block.blank_rows + blank,
    )

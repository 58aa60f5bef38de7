"""Validation: a block of records becomes feedback and rejects."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intake.dataset.clean import MAY_NEED_CLEANING, clean_text
from intake.dataset.long_fields import rows_with_long_fields
from intake.dataset.seen_ids import SeenIds
from intake.readers.block import RecordBlock, Reject, RejectReason
from storage.records.feedback import CHUNK

MAX_ID_CHARS = 256
_REPEATED = "a row before it has this id"
_CONTROL_CHARACTER = r"[\x00-\x1f\x7f-\x{9f}]"

_Fault = tuple[int, RejectReason, str]  # position in the block, reason, detail


def validate_block(
    block: RecordBlock, seen_ids: SeenIds, max_chars: int, max_field: int | None = None
) -> tuple[pa.Table, list[Reject]]:
    """Return the feedback of a block, schema CHUNK, and all its rejects by row.

    A record is rejected for one reason: its id, else its text, else another field of more than
    `max_field` characters, else an id that feedback before it has.
    """
    row_numbers = pa.array(block.row_numbers, pa.int64())
    ids = _ids(block, row_numbers)
    cleaned = _clean_texts(block.texts)
    faults = {
        position: (RejectReason.TOO_LONG, detail)
        for position, detail in rows_with_long_fields(block.extra, max_field).items()
    }
    for position, reason, detail in _text_faults(pc.coalesce(cleaned, block.texts), max_chars):
        faults[position] = (reason, detail)
    if block.ids is not None:
        faults |= {position: (reason, detail) for position, reason, detail in _id_faults(ids)}
        faults |= _repeated_ids(ids, _valid_positions(faults, len(ids)), seen_ids)
    feedback = pa.Table.from_arrays(
        [row_numbers, ids, block.texts, cleaned, block.extra], schema=CHUNK
    )
    if not faults:
        return feedback, list(block.rejects)
    rejects = [
        Reject(
            row=int(block.row_numbers[position]),
            id=None
            if block.ids is None or reason is RejectReason.BAD_ID
            else ids[position].as_py(),
            reason=reason,
            detail=detail,
            raw=block.raw_record(position),
        )
        for position, (reason, detail) in faults.items()
    ]
    by_row = sorted([*block.rejects, *rejects], key=lambda reject: reject.row)
    return feedback.take(_valid_positions(faults, len(row_numbers))), by_row


def _ids(block: RecordBlock, row_numbers: pa.Int64Array) -> pa.StringArray:
    if block.ids is None:
        return row_numbers.cast(pa.string())
    return pc.utf8_trim_whitespace(block.ids)


def _clean_texts(texts: pa.StringArray) -> pa.StringArray:
    """Return [n] the clean texts, null where the text is clean already or missing."""
    cleaned = np.full(len(texts), None, dtype=object)
    candidates = _true_positions(pc.match_substring_regex(texts, MAY_NEED_CLEANING))
    for position, text in zip(
        candidates, texts.take(pa.array(candidates, pa.int64())).to_pylist(), strict=True
    ):
        clean = clean_text(text)
        if clean != text:
            cleaned[position] = clean
    return pa.array(cleaned, pa.string())


def _text_faults(texts: pa.StringArray, max_chars: int) -> Iterator[_Fault]:
    """Yield the faults of texts as the models read them."""
    for position in _true_positions(pc.equal(texts, "").fill_null(True)):
        missing = not texts[position].is_valid
        detail = "there is no text" if missing else "the text is empty"
        yield position, RejectReason.NO_TEXT, detail
    lengths = pc.utf8_length(texts)
    for position in _true_positions(pc.greater(lengths, max_chars)):
        detail = f"the text has {lengths[position]} characters; at most {max_chars} are read"
        yield position, RejectReason.TOO_LONG, detail


def _id_faults(ids: pa.StringArray) -> Iterator[_Fault]:
    lengths = pc.utf8_length(ids)
    for position in _true_positions(pc.equal(lengths, 0).fill_null(True)):
        yield position, RejectReason.BAD_ID, "there is no id"
    for position in _true_positions(pc.match_substring_regex(ids, _CONTROL_CHARACTER)):
        yield position, RejectReason.BAD_ID, "the id has control characters"
    for position in _true_positions(pc.greater(lengths, MAX_ID_CHARS)):
        detail = f"the id has {lengths[position]} characters; at most {MAX_ID_CHARS} are allowed"
        yield position, RejectReason.BAD_ID, detail


def _repeated_ids(
    ids: pa.StringArray, valid: pa.Int64Array, seen_ids: SeenIds
) -> dict[int, tuple[RejectReason, str]]:
    """Remember the ids at the valid positions, and return the faults of the repeated ones."""
    repeated = seen_ids.add(ids.take(valid).to_pylist())
    return dict.fromkeys(
        valid.take(pa.array(repeated, pa.int64())).to_pylist(),
        (RejectReason.DUPLICATE_ID, _REPEATED),
    )


def _valid_positions(faults: Mapping[int, object], rows: int) -> pa.Int64Array:
    """Return the positions of the rows without a fault."""
    valid = np.ones(rows, dtype=np.bool_)
    valid[list(faults)] = False
    return pa.array(np.flatnonzero(valid))


def _true_positions(mask: pa.BooleanArray) -> list[int]:
    """Return the positions of True; null counts as False."""
    positions: list[int] = pc.indices_nonzero(mask.fill_null(False)).to_pylist()
    return positions

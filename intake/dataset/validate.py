"""A block of records to feedback and rejects."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intake.dataset.clean import MAY_NEED_CLEANING, clean_text
from intake.dataset.seen_ids import SeenIds
from intake.readers.block import RecordBlock, Reject, RejectReason
from storage.records.feedback import CHUNK

MAX_ID_CHARS = 256  # characters
_REPEATED = "a row before it has this id"
_CONTROL = r"[\x00-\x1f\x7f-\x{9f}]"

_Fault = tuple[int, RejectReason, str]  # position in the block, why, what was found


def validate_block(
    block: RecordBlock, seen: SeenIds, max_chars: int
) -> tuple[pa.Table, list[Reject]]:
    """The feedback of a block, schema CHUNK, and all its rejects by row.

    A record is rejected for one reason: its id, else its text, else an id that some feedback before
    it has.
    """
    rows = pa.array(block.row_numbers, pa.int64())
    ids = rows.cast(pa.string()) if block.ids is None else pc.utf8_trim_whitespace(block.ids)
    cleaned = _cleaned(block.texts)
    fates = {}
    for position, reason, found in _text_faults(pc.coalesce(cleaned, block.texts), max_chars):
        fates[position] = (reason, found)
    if block.ids is not None:
        fates |= {position: (reason, found) for position, reason, found in _id_faults(ids)}
        fates |= _repeated(ids, _others(fates, len(ids)), seen)
    feedback = pa.Table.from_arrays([rows, ids, block.texts, cleaned, block.extra], schema=CHUNK)
    if not fates:
        return feedback, list(block.rejects)
    fallen = [
        Reject(
            row=int(block.row_numbers[position]),
            id=None
            if block.ids is None or reason is RejectReason.BAD_ID
            else ids[position].as_py(),
            reason=reason,
            detail=found,
            raw=block.raw_record(position),
        )
        for position, (reason, found) in fates.items()
    ]
    return feedback.take(_others(fates, len(rows))), sorted(
        [*block.rejects, *fallen], key=lambda reject: reject.row
    )


def _cleaned(texts: pa.StringArray) -> pa.StringArray:
    """[n] the clean texts, null where the text is clean already or missing."""
    cleaned = np.full(len(texts), None, dtype=object)
    doubtful = _where(pc.match_substring_regex(texts, MAY_NEED_CLEANING))
    for position, text in zip(
        doubtful, texts.take(pa.array(doubtful, pa.int64())).to_pylist(), strict=True
    ):
        better = clean_text(text)
        if better != text:
            cleaned[position] = better
    return pa.array(cleaned, pa.string())


def _text_faults(read: pa.StringArray, max_chars: int) -> Iterator[_Fault]:
    for position in _where(pc.equal(read, "").fill_null(True)):
        missing = not read[position].is_valid
        yield position, RejectReason.NO_TEXT, "there is no text" if missing else "the text is empty"
    lengths = pc.utf8_length(read)
    for position in _where(pc.greater(lengths, max_chars)):
        yield (
            position,
            RejectReason.TOO_LONG,
            f"the text has {lengths[position]} characters; at most {max_chars} are read",
        )


def _id_faults(ids: pa.StringArray) -> Iterator[_Fault]:
    lengths = pc.utf8_length(ids)
    for position in _where(pc.equal(lengths, 0).fill_null(True)):
        yield position, RejectReason.BAD_ID, "there is no id"
    for position in _where(pc.match_substring_regex(ids, _CONTROL)):
        yield position, RejectReason.BAD_ID, "the id has control characters"
    for position in _where(pc.greater(lengths, MAX_ID_CHARS)):
        yield (
            position,
            RejectReason.BAD_ID,
            f"the id has {lengths[position]} characters; at most {MAX_ID_CHARS} are allowed",
        )


def _repeated(
    ids: pa.StringArray, good: pa.Int64Array, seen: SeenIds
) -> dict[int, tuple[RejectReason, str]]:
    again = seen.add(ids.take(good).to_pylist())
    return dict.fromkeys(
        good.take(pa.array(again, pa.int64())).to_pylist(), (RejectReason.DUPLICATE_ID, _REPEATED)
    )


def _others(fates: Mapping[int, object], rows: int) -> pa.Int64Array:
    """Positions of the rows that nothing has befallen."""
    others = np.ones(rows, dtype=np.bool_)
    others[list(fates)] = False
    return pa.array(np.flatnonzero(others))


def _where(mask: pa.BooleanArray) -> list[int]:
    """Positions of the trues; a null is none."""
    positions: list[int] = pc.indices_nonzero(mask.fill_null(False)).to_pylist()
    return positions

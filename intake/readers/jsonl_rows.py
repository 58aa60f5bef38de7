"""Reader of JSON Lines: lines become blocks of records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pyarrow as pa

from intake.detect.intake_limits import IntakeLimits, check_limit
from intake.detect.lines import LineBlock, drop_blank_lines, split_lines
from intake.errors import UnreadableUpload
from intake.readers.block import (
    OpenedUpload,
    RecordBlock,
    Reject,
    RejectReason,
    extra_map_from_pairs,
    has_invalid_characters,
)
from intake.readers.columns import SAMPLE_RECORDS, ColumnRequest, choose_columns
from intake.readers.join_texts import joined_name
from intake.readers.json_record import RecordFault, parse_json_object, parse_json_record

_MAX_BLOCKS_FOR_KEYS = 8  # blocks of lines that are searched for the first object


def read_jsonl(
    name: str,
    line_blocks: Iterable[LineBlock],
    end: str,
    request: ColumnRequest,
    limits: IntakeLimits,
) -> OpenedUpload:
    """Open the upload `name` from its lines.

    Its columns are the keys of the objects in the first block of lines that has any. Raises
    UnreadableUpload.
    """
    line_blocks, read_ahead = (_without_blank_lines(block, end) for block in line_blocks), []
    keys: dict[str, None] = {}
    for block in line_blocks:
        read_ahead.append(block)
        for value in map(parse_json_object, split_lines(block.data, end)):
            keys |= dict.fromkeys(value or ())
        check_limit(name, limits, "columns", len(keys), "keys")
        if keys or len(read_ahead) == _MAX_BLOCKS_FOR_KEYS:
            break
    if not keys:
        raise UnreadableUpload(
            name, "none of its first lines holds a JSON object", "Write one JSON object a line."
        )
    columns = list(keys)
    positions = choose_columns(
        name, columns, request, lambda: _samples(read_ahead[-1].data, end, columns)
    )
    text_keys = [columns[text] for text in positions.texts]
    id_key = None if positions.id is None else columns[positions.id]
    blocks = _JsonlBlockReader(text_keys, id_key, end, limits.nesting).read(
        chain(read_ahead, line_blocks)
    )
    storable = tuple(key for key in columns if not has_invalid_characters(key))
    return OpenedUpload(joined_name(text_keys), id_key, storable, blocks)


def _without_blank_lines(block: LineBlock, end: str) -> LineBlock:
    return replace(block, data=drop_blank_lines(block.data, end))


def _samples(data: bytes, end: str, columns: list[str]) -> list[list[str]]:
    """Return the values of some first objects, for an error that shows them."""
    lines = split_lines(data, end)[:SAMPLE_RECORDS]
    objects = [value for value in map(parse_json_object, lines) if value]
    return [[str(value.get(column) or "") for column in columns] for value in objects]


@dataclass
class _RecordColumns:
    """The records of one block that may become feedback, column by column."""

    lines: list[str] = field(default_factory=list)
    row_numbers: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])


class _JsonlBlockReader:
    """Numbers the records from 1 and rejects those without a usable object, id or text."""

    def __init__(
        self, text_keys: Sequence[str], id_key: str | None, end: str, max_nesting: int
    ) -> None:
        self._text_keys, self._id_key, self._end, self._row = text_keys, id_key, end, 0
        self._max_nesting = max_nesting

    def read(self, line_blocks: Iterable[LineBlock]) -> Iterator[RecordBlock]:
        for block in line_blocks:
            columns, rejects = _RecordColumns(), []
            for line in split_lines(block.data, self._end):
                if not line.strip():
                    continue
                self._row += 1
                fault = (
                    (RejectReason.TOO_LONG, f"more than {block.truncated} characters")
                    if block.truncated
                    else self._add(line, columns)
                )
                if fault:
                    rejects.append(Reject(self._row, None, *fault, line.rstrip("\r\n")))
            yield self._block(columns, rejects)

    def _add(self, line: str, columns: _RecordColumns) -> RecordFault | None:
        """Add the record to the columns, or return why it is rejected."""
        record = parse_json_record(line, self._text_keys, self._id_key, self._max_nesting)
        if isinstance(record, tuple):
            return record
        columns.lines.append(line)
        columns.row_numbers.append(self._row)
        columns.ids.append(record.id)
        columns.texts.append(record.text)
        columns.pairs.extend(record.extra)
        columns.offsets.append(len(columns.pairs))
        return None

    def _block(self, columns: _RecordColumns, rejects: list[Reject]) -> RecordBlock:
        return RecordBlock(
            row_numbers=np.array(columns.row_numbers, dtype=np.int64),
            ids=None if self._id_key is None else pa.array(columns.ids, pa.string()),
            texts=pa.array(columns.texts, pa.string()),
            extra=extra_map_from_pairs(columns.pairs, columns.offsets),
            columns=tuple(dict.fromkeys(key for key, _ in columns.pairs)),
            raw_record=lambda position: columns.lines[position].rstrip("\r\n"),
            rejects=rejects,
        )

"""JSON Lines: from lines to blocks of records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa

from intake.detect.lines import MAX_LINE_CHARS, LineBlock, split_lines
from intake.errors import UnreadableUpload
from intake.readers.block import (
    OpenedUpload,
    RecordBlock,
    Reject,
    RejectReason,
    extra_map_from_pairs,
)
from intake.readers.columns import choose_columns
from intake.readers.json_record import RecordFault, parse_json_object, parse_json_record

_MOST_LOOKED_AT = 8  # pieces, for the first object


def read_jsonl(
    name: str, pieces: Iterable[LineBlock], end: str, text: str | None, id_: str | None
) -> OpenedUpload:
    """The upload `name` from its lines; `text` and `id_` are the keys asked for. Raises UnreadableUpload.

    Its columns are the keys of the objects in the first piece that has any.
    """
    pieces, looked_at = iter(pieces), []
    keys: dict[str, None] = {}
    for piece in pieces:
        looked_at.append(piece)
        for value in map(parse_json_object, split_lines(piece.data, end)):
            keys |= dict.fromkeys(value or ())
        if keys or len(looked_at) == _MOST_LOOKED_AT:
            break
    if not keys:
        raise UnreadableUpload(
            name, "none of its first lines holds a JSON object", "Write one JSON object a line."
        )
    columns = list(keys)
    chosen = choose_columns(name, columns, text, id_)
    id_key = None if chosen.id is None else columns[chosen.id]
    blocks = _JsonlBlockReader(columns[chosen.text], id_key, end).read(chain(looked_at, pieces))
    return OpenedUpload(columns[chosen.text], id_key, blocks)


@dataclass
class _RecordColumns:
    """The records of one block that may become feedback, column by column."""

    lines: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    offsets: list[int] = field(default_factory=lambda: [0])


class _JsonlBlockReader:
    """Counts the records from 1 and sorts out those without a usable object, id or text."""

    def __init__(self, text: str, id_: str | None, end: str) -> None:
        self._text, self._id, self._end, self._row = text, id_, end, 0

    def read(self, pieces: Iterable[LineBlock]) -> Iterator[RecordBlock]:
        for piece in pieces:
            gathered, rejects = _RecordColumns(), []
            for line in split_lines(piece.data, self._end):
                if not line.strip():
                    continue
                self._row += 1
                fault = (
                    (RejectReason.TOO_LONG, f"more than {MAX_LINE_CHARS} characters")
                    if piece.truncated
                    else self._take(line, gathered)
                )
                if fault:
                    rejects.append(Reject(self._row, None, *fault, line.rstrip("\r\n")))
            yield self._block(gathered, rejects)

    def _take(self, line: str, gathered: _RecordColumns) -> RecordFault | None:
        """Add the record, or say why not."""
        record = parse_json_record(line, self._text, self._id)
        if isinstance(record, tuple):
            return record
        gathered.lines.append(line)
        gathered.rows.append(self._row)
        gathered.ids.append(record.id)
        gathered.texts.append(record.text)
        gathered.pairs.extend(record.extra)
        gathered.offsets.append(len(gathered.pairs))
        return None

    def _block(self, gathered: _RecordColumns, rejects: list[Reject]) -> RecordBlock:
        return RecordBlock(
            row_numbers=np.array(gathered.rows, dtype=np.int64),
            ids=None if self._id is None else pa.array(gathered.ids, pa.string()),
            texts=pa.array(gathered.texts, pa.string()),
            extra=extra_map_from_pairs(gathered.pairs, gathered.offsets),
            columns=tuple(dict.fromkeys(key for key, _ in gathered.pairs)),
            raw_record=lambda position: gathered.lines[position].rstrip("\r\n"),
            rejects=rejects,
        )

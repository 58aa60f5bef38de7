"""Reader of Parquet: record batches become blocks of records."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from intake.errors import UnreadableUpload
from intake.readers.arrow_text import extra_column, holds_text, text_column
from intake.readers.block import OpenedUpload, RecordBlock, Reject, RejectReason, extra_map
from intake.readers.columns import (
    ColumnPositions,
    ColumnRequest,
    choose_columns,
    unique_columns,
)
from intake.readers.join_texts import join_columns, joined_name

_BATCH_ROWS = 4096
# what pyarrow raises for damaged bytes
_DAMAGED = (pa.ArrowException, OSError, ValueError, MemoryError)


@contextmanager
def read_parquet(name: str, file: Path, request: ColumnRequest) -> Iterator[OpenedUpload]:
    """Yield the upload `name` from a local file. Raises UnreadableUpload."""
    try:
        # Buffered, so that a file of one huge row group is not read in one piece.
        opened = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
        fields = list(opened.schema_arrow)
    except _DAMAGED as error:
        raise _damaged(name, error) from None
    with opened:
        names = [field.name for field in fields]
        positions = choose_columns(name, names, request)
        _check_types(name, fields, positions)
        id_column = None if positions.id is None else names[positions.id]
        columns = unique_columns(names)
        blocks = _ParquetBlockReader(columns, positions).read(_batches(name, opened))
        text_column = joined_name([names[text] for text in positions.texts])
        yield OpenedUpload(text_column, id_column, tuple(columns), blocks)


def _batches(name: str, opened: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    batches = opened.iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
        except _DAMAGED as error:
            raise _damaged(name, error) from None
        if batch is None:
            return
        yield batch


def _damaged(name: str, error: BaseException) -> UnreadableUpload:
    reason = str(error).partition("\n")[0][:200] or type(error).__name__
    return UnreadableUpload(
        name, f"it is a damaged Parquet file ({reason})", "Copy or export it again."
    )


def _check_types(name: str, fields: list[pa.Field], positions: ColumnPositions) -> None:
    for text in [fields[position] for position in positions.texts]:
        if not holds_text(text.type):
            advice = "Choose a column of strings with --text."
            problem = f"column {text.name!r} holds {text.type}, not texts"
            raise UnreadableUpload(name, problem, advice)
    if positions.id is None:
        return
    id_ = fields[positions.id]
    if not (holds_text(id_.type) or pt.is_integer(id_.type) or pt.is_floating(id_.type)):
        advice = "Choose a column of strings or whole numbers with --id."
        raise UnreadableUpload(
            name, f"column {id_.name!r} holds {id_.type}, which cannot be an id", advice
        )


class _ParquetBlockReader:
    """Numbers the records from 1 and rejects those with strings that are not UTF-8."""

    def __init__(self, columns: list[str], positions: ColumnPositions) -> None:
        self._columns, self._positions, self._next_row = columns, positions, 1
        self._required = (*positions.texts, positions.id)
        self._extra_positions = positions.kept(len(columns))
        self._extra_columns = tuple(columns[position] for position in self._extra_positions)

    def read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[RecordBlock]:
        for batch in batches:
            if batch.num_rows:
                yield self._block(batch)

    def _block(self, batch: pa.RecordBatch) -> RecordBlock:
        columns = [
            (text_column if position in self._required else extra_column)(batch.column(position))
            for position in range(len(self._columns))
        ]
        invalid = np.logical_or.reduce([column.invalid for column in columns])
        values = all_values = [column.values for column in columns]
        row_numbers = np.arange(self._next_row, self._next_row + batch.num_rows)
        self._next_row += batch.num_rows

        def raw_record(position: int) -> str:
            record = {
                name: column[position].as_py()
                for name, column in zip(self._columns, all_values, strict=True)
            }
            return json.dumps(record, ensure_ascii=False)

        rejects = [
            Reject(
                row=int(row_numbers[position]),
                id=None,
                reason=RejectReason.UNDECODABLE,
                detail="a string in it is not UTF-8",
                raw=raw_record(position),
            )
            for position in np.flatnonzero(invalid).tolist()
        ]
        valid = np.flatnonzero(~invalid)
        if rejects:
            values = [column.take(pa.array(valid)) for column in values]
        extra = [values[position] for position in self._extra_positions]
        return RecordBlock(
            row_numbers=row_numbers[valid],
            ids=None if self._positions.id is None else values[self._positions.id],
            texts=join_columns([values[text] for text in self._positions.texts]),
            extra=extra_map(self._extra_columns, extra, len(valid)),
            columns=self._extra_columns,
            raw_record=lambda position: raw_record(int(valid[position])),
            rejects=rejects,
        )

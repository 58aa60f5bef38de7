"""Reader of Parquet: record batches become blocks of records."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from intake.detect.intake_limits import IntakeLimits, LimitExceeded, check_unpacked
from intake.errors import UnreadableUpload
from intake.parquet.arrow_text import extra_column, holds_text, text_column
from intake.parquet.parquet_slices import ParquetSlices
from intake.readers.block import OpenedUpload, RecordBlock, Reject, RejectReason, extra_map
from intake.readers.columns import (
    ColumnPositions,
    ColumnRequest,
    choose_columns,
    unique_columns,
)
from intake.readers.join_texts import join_columns, joined_name

# what pyarrow raises for damaged bytes
_DAMAGED = (pa.ArrowException, OSError, ValueError)
_DEFAULT_LIMITS = IntakeLimits()


@contextmanager
def read_parquet(
    name: str, file: Path, request: ColumnRequest, limits: IntakeLimits = _DEFAULT_LIMITS
) -> Iterator[OpenedUpload]:
    """Yield the upload `name` from a local file. Raises UnreadableUpload."""
    slices = ParquetSlices(name, file, limits)
    with _explain_damage(name, limits):
        opened = slices.open()
        fields = list(opened.schema_arrow)
    with opened:
        names = [field.name for field in fields]
        positions = choose_columns(name, names, request)
        _check_types(name, fields, positions)
        id_column = None if positions.id is None else names[positions.id]
        columns = unique_columns(names)
        reader = _ParquetBlockReader(columns, positions)
        blocks = _bounded(slices, reader.read(_batches(slices, opened)))
        text_column = joined_name([names[text] for text in positions.texts])
        yield OpenedUpload(text_column, id_column, tuple(columns), blocks)


def _batches(slices: ParquetSlices, opened: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    with _explain_damage(slices.name, slices.limits):
        yield from slices.batches(opened)


def _bounded(slices: ParquetSlices, blocks: Iterable[RecordBlock]) -> Iterator[RecordBlock]:
    """Yield the blocks. Raises LimitExceeded if they hold too much for the size of the file."""
    packed, unpacked = slices.file.stat().st_size, 0
    for block in blocks:
        unpacked += block.texts.nbytes + block.extra.nbytes
        check_unpacked(slices.name, slices.limits, unpacked, packed)
        yield block


@contextmanager
def _explain_damage(name: str, limits: IntakeLimits) -> Iterator[None]:
    """Turn the errors of pyarrow into UnreadableUpload, and those of the limits stay."""
    try:
        yield
    except MemoryError:
        seen = "it is damaged, or reading it needs more memory than it may have"
        raise LimitExceeded(name, limits, "memory", seen) from None
    except _DAMAGED as error:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise UnreadableUpload(
            name, f"it is a damaged Parquet file ({reason})", "Copy or export it again."
        ) from None


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

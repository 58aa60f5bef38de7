"""Parquet: from record batches to blocks of records."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from intake.errors import UnreadableUpload
from intake.readers.arrow_text import extra_column, is_text, text_column
from intake.readers.block import OpenedUpload, RecordBlock, Reject, RejectReason, extra_map
from intake.readers.columns import ColumnPositions, choose_columns, unique_columns

_BATCH_ROWS = 4096
# what pyarrow raises on bytes that make no sense
_DAMAGED = (pa.ArrowException, OSError, ValueError, MemoryError)


@contextmanager
def read_parquet(
    name: str, file: Path, text: str | None, id_: str | None
) -> Iterator[OpenedUpload]:
    """The upload `name` from a local file; `text` and `id_` are the columns asked for. Raises
    UnreadableUpload.
    """
    try:
        # Buffered, so that a file of one huge row group is not read in one piece.
        opened = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
        fields = list(opened.schema_arrow)
    except _DAMAGED as error:
        raise _damaged(name, error) from None
    with opened:
        columns = [field.name for field in fields]
        chosen = choose_columns(name, columns, text, id_)
        _check_types(name, fields, chosen)
        blocks = _ParquetBlockReader(unique_columns(columns), chosen).read(_batches(name, opened))
        yield OpenedUpload(
            columns[chosen.text], None if chosen.id is None else columns[chosen.id], blocks
        )


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
    said = str(error).partition("\n")[0][:200] or type(error).__name__
    return UnreadableUpload(
        name, f"it is a damaged Parquet file ({said})", "Copy or export it again."
    )


def _check_types(name: str, fields: list[pa.Field], chosen: ColumnPositions) -> None:
    text = fields[chosen.text]
    if not is_text(text.type):
        advice = "Choose a column of strings with --text."
        raise UnreadableUpload(name, f"column {text.name!r} holds {text.type}, not texts", advice)
    if chosen.id is None:
        return
    id_ = fields[chosen.id]
    if not (is_text(id_.type) or pt.is_integer(id_.type) or pt.is_floating(id_.type)):
        advice = "Choose a column of strings or whole numbers with --id."
        raise UnreadableUpload(
            name, f"column {id_.name!r} holds {id_.type}, which cannot be an id", advice
        )


class _ParquetBlockReader:
    """Counts the records from 1 and sorts out those with strings that are not UTF-8."""

    def __init__(self, columns: list[str], chosen: ColumnPositions) -> None:
        self._columns, self._chosen, self._row = columns, chosen, 1
        self._others = [at for at in range(len(columns)) if at not in (chosen.text, chosen.id)]

    def read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[RecordBlock]:
        for batch in batches:
            if batch.num_rows:
                yield self._block(batch)

    def _block(self, batch: pa.RecordBatch) -> RecordBlock:
        columns = [
            (extra_column if at in self._others else text_column)(batch.column(at))
            for at in range(len(self._columns))
        ]
        invalid = np.logical_or.reduce([column.invalid for column in columns])
        values = whole = [column.values for column in columns]
        rows = np.arange(self._row, self._row + batch.num_rows)
        self._row += batch.num_rows

        def raw(position: int) -> str:
            record = {
                name: value[position].as_py()
                for name, value in zip(self._columns, whole, strict=True)
            }
            return json.dumps(record, ensure_ascii=False)

        rejects = [
            Reject(
                int(rows[at]),
                None,
                RejectReason.UNDECODABLE,
                "a string in it is not UTF-8",
                raw(at),
            )
            for at in np.flatnonzero(invalid).tolist()
        ]
        good = np.flatnonzero(~invalid)
        if rejects:
            values = [value.take(pa.array(good)) for value in values]
        return RecordBlock(
            row_numbers=rows[good],
            ids=None if self._chosen.id is None else values[self._chosen.id],
            texts=values[self._chosen.text],
            extra=extra_map(
                [self._columns[at] for at in self._others],
                [values[at] for at in self._others],
                len(good),
            ),
            columns=tuple(self._columns[at] for at in self._others),
            raw_record=lambda position: raw(int(good[position])),
            rejects=rejects,
        )

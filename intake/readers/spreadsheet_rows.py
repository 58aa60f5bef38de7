"""Reader of spreadsheets: rows of a sheet become blocks of records."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from intake.errors import UnreadableUpload
from intake.readers.block import OpenedUpload, RecordBlock, extra_map
from intake.readers.columns import (
    ColumnPositions,
    ColumnRequest,
    choose_columns,
    unique_columns,
)
from intake.spreadsheets.sheet_choice import choose_sheet
from intake.spreadsheets.workbook import SheetRow, open_workbook

_BLOCK_ROWS = 4096


@contextmanager
def read_spreadsheet(
    name: str, file: Path, sheet: str | None, request: ColumnRequest
) -> Iterator[OpenedUpload]:
    """Yield the upload `name` from a local file; `sheet` is the requested one.

    A record's number is the number that the sheet shows beside its row; blank rows are left out.
    Raises UnreadableUpload.
    """
    with open_workbook(name, file) as workbook:
        choice = choose_sheet(name, workbook, sheet)
        rows = workbook.rows(choice.sheet)
        header, body = _split_header(name, rows)
        positions = choose_columns(name, header, request)
        id_column = None if positions.id is None else header[positions.id]
        blocks = _SheetBlockReader(header, positions).read(body)
        notices = (choice.notice,) if choice.notice else ()
        yield OpenedUpload(header[positions.text], id_column, blocks, notices)


def _split_header(name: str, rows: Iterator[SheetRow]) -> tuple[list[str], Iterator[SheetRow]]:
    """Return the names of the columns, and the rows below them."""
    first = list(islice(rows, 1))
    if not first:
        raise UnreadableUpload(name, "it holds no header", "Its first row must name the columns.")
    return [cell or "" for cell in first[0].cells], chain(first[1:], rows)


class _SheetBlockReader:
    """Makes blocks of rows. A column without a name is left out where it is blank."""

    def __init__(self, header: Sequence[str], positions: ColumnPositions) -> None:
        self._names, self._positions = unique_columns(header), positions
        self._unnamed = [not column.strip() for column in header]

    def read(self, rows: Iterable[SheetRow]) -> Iterator[RecordBlock]:
        rows = iter(rows)
        while block := list(islice(rows, _BLOCK_ROWS)):
            yield self._block(block)

    def _block(self, rows: Sequence[SheetRow]) -> RecordBlock:
        columns = [
            pa.array(column, pa.string())
            for column in zip(*(row.cells for row in rows), strict=True)
        ]
        extra = [
            position
            for position, column in enumerate(columns)
            if position not in (self._positions.text, self._positions.id)
            and not (self._unnamed[position] and column.null_count == len(column))
        ]
        names = tuple(self._names[position] for position in extra)
        id_ = self._positions.id
        return RecordBlock(
            row_numbers=np.array([row.number for row in rows], dtype=np.int64),
            ids=None if id_ is None else columns[id_],
            texts=columns[self._positions.text],
            extra=extra_map(names, [columns[position] for position in extra], len(rows)),
            columns=names,
            raw_record=lambda position: json.dumps(
                dict(zip(self._names, rows[position].cells, strict=True)), ensure_ascii=False
            ),
        )

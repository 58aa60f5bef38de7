"""Reader of spreadsheets: rows of a sheet become blocks of records."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
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
from intake.spreadsheets.workbook import OpenSheet, SheetRow, open_workbook

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
        content = workbook.open_sheet(choice.sheet)
        header = _find_header(name, content)
        kept = _columns_with_content(content, header)
        names = [header.cells[position] or "" for position in kept]
        positions = choose_columns(name, names, request)
        id_column = None if positions.id is None else names[positions.id]
        columns = unique_columns(names)
        blocks = _SheetBlockReader(columns, positions).read(_rows_below(content, header, kept))
        notices = (choice.notice,) if choice.notice else ()
        yield OpenedUpload(names[positions.text], id_column, tuple(columns), blocks, notices)


def _find_header(name: str, content: OpenSheet) -> SheetRow:
    """Return the row that names the columns."""
    first = next(content.rows(), None)
    if first is None:
        raise UnreadableUpload(name, "it holds no header", "Its first row must name the columns.")
    return first


def _columns_with_content(content: OpenSheet, header: SheetRow) -> list[int]:
    """Return the positions of the columns with a name, and of others that are not blank."""
    unnamed = {position for position, cell in enumerate(header.cells) if not (cell or "").strip()}
    blank = set(unnamed)
    for row in _rows_below(content, header) if unnamed else ():
        blank -= {position for position in blank if row.cells[position] is not None}
        if not blank:
            break
    return [position for position in range(len(header.cells)) if position not in blank]


def _rows_below(
    content: OpenSheet, header: SheetRow, positions: Sequence[int] | None = None
) -> Iterator[SheetRow]:
    """Yield the rows below the header: all their cells, or those at some positions."""
    for row in content.rows():
        if row.number > header.number:
            cells = row.cells if positions is None else [row.cells[at] for at in positions]
            yield SheetRow(row.number, cells)


class _SheetBlockReader:
    """Makes blocks of rows."""

    def __init__(self, columns: Sequence[str], positions: ColumnPositions) -> None:
        self._columns, self._positions = columns, positions
        chosen = (positions.text, positions.id)
        self._extra_positions = [at for at in range(len(columns)) if at not in chosen]
        self._extra_columns = tuple(columns[position] for position in self._extra_positions)

    def read(self, rows: Iterable[SheetRow]) -> Iterator[RecordBlock]:
        rows = iter(rows)
        while block := list(islice(rows, _BLOCK_ROWS)):
            yield self._block(block)

    def _block(self, rows: Sequence[SheetRow]) -> RecordBlock:
        columns = [
            pa.array(column, pa.string())
            for column in zip(*(row.cells for row in rows), strict=True)
        ]
        extra = [columns[position] for position in self._extra_positions]
        id_ = self._positions.id
        return RecordBlock(
            row_numbers=np.array([row.number for row in rows], dtype=np.int64),
            ids=None if id_ is None else columns[id_],
            texts=columns[self._positions.text],
            extra=extra_map(self._extra_columns, extra, len(rows)),
            columns=self._extra_columns,
            raw_record=lambda position: json.dumps(
                dict(zip(self._columns, rows[position].cells, strict=True)), ensure_ascii=False
            ),
        )

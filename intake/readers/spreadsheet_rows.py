"""Reader of spreadsheets: rows of a sheet become blocks of records."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from intake.detect.source import UploadFile
from intake.readers.block import OpenedUpload, RecordBlock, extra_map
from intake.readers.columns import (
    ColumnPositions,
    ColumnRequest,
    choose_columns,
    requested_names,
    unique_columns,
)
from intake.readers.join_texts import join_columns, joined_name
from intake.spreadsheets.sheet_choice import choose_sheet
from intake.spreadsheets.sheet_table import find_table
from intake.spreadsheets.workbook import SheetRow, open_workbook
from intake.spreadsheets.workbook_size import check_workbook

_BLOCK_ROWS = 4096


@contextmanager
def read_spreadsheet(
    source: UploadFile, format_: str, file: Path, sheet: str | None, request: ColumnRequest
) -> Iterator[OpenedUpload]:
    """Yield the upload, unpacked into `file`, of format xlsx, ods or xls.

    `sheet` is the requested one. A record's number is the one that the sheet shows beside its row;
    blank rows are left out.
    Raises UnreadableUpload.
    """
    name = source.name
    notices = check_workbook(
        name, format_, file, source.limits, lambda: source.on_read(source.size)
    )
    with open_workbook(name, format_, file) as workbook:
        choice = choose_sheet(name, workbook, sheet)
        table = find_table(name, workbook.open_sheet(choice.sheet), requested_names(request))
        positions = choose_columns(name, table.names, request)
        columns = unique_columns(table.names)
        yield OpenedUpload(
            text_column=joined_name([table.names[text] for text in positions.texts]),
            id_column=None if positions.id is None else table.names[positions.id],
            columns=tuple(columns),
            blocks=_SheetBlockReader(columns, positions, table.last_line).read(table.rows()),
            notices=choice.notices + table.notices + notices,
        )


class _SheetBlockReader:
    """Makes blocks of rows."""

    def __init__(self, columns: Sequence[str], positions: ColumnPositions, last_line: int) -> None:
        self._columns, self._positions, self._last_number = columns, positions, last_line
        self._extra_positions = positions.kept(len(columns))
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
        blank_rows = rows[-1].number - self._last_number - len(rows)
        self._last_number = rows[-1].number
        return RecordBlock(
            row_numbers=np.array([row.number for row in rows], dtype=np.int64),
            ids=None if id_ is None else columns[id_],
            texts=join_columns([columns[text] for text in self._positions.texts]),
            extra=extra_map(self._extra_columns, extra, len(rows)),
            columns=self._extra_columns,
            raw_record=lambda position: json.dumps(
                dict(zip(self._columns, rows[position].cells, strict=True)), ensure_ascii=False
            ),
            blank_rows=blank_rows,
        )

"""Writer of Excel workbooks, row by row in little memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from storage.errors import BadRequest
from tasks.formats.cell_values import excel_text, joined_labels
from tasks.formats.output_format import WriteRows

MAX_ROWS = 1_048_576  # of a sheet, the header included
MAX_COLUMNS = 16_384
_SHEET = "labels"
# Fixed, so that the same rows give the same bytes.
_CREATED = datetime(2000, 1, 1, tzinfo=UTC)


class ExcelNotInstalled(BadRequest):
    """The library that writes Excel workbooks is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Writing .xlsx needs xlsxwriter, which is not installed. Run: "
            "pip install 'chorus[excel]'; or choose .csv, .jsonl or .parquet."
        )


class TooManyColumns(BadRequest):
    """More columns than a sheet of Excel has."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        super().__init__(
            f"The export has {columns:,} columns; a sheet of Excel has at most {MAX_COLUMNS:,}. "
            "Choose .csv, .jsonl or .parquet."
        )


def check_excel_installed() -> None:
    """Raise ExcelNotInstalled if workbooks cannot be written."""
    if find_spec("xlsxwriter") is None:
        raise ExcelNotInstalled


@contextmanager
def excel_writer(path: Path, schema: pa.Schema) -> Iterator[WriteRows]:
    """Write the sheet `labels`, and `labels 2` and so on for more rows than a sheet has.

    Strings are never formulas, links or numbers; numbers, true and false, and times (in UTC) are
    cells of that kind. Raises ExcelNotInstalled, TooManyColumns.
    """
    check_excel_installed()
    if len(schema) > MAX_COLUMNS:
        raise TooManyColumns(len(schema))
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    try:
        with Workbook(str(path), {"constant_memory": True}) as workbook:
            workbook.use_zip64()
            workbook.set_properties({"created": _CREATED})
            yield _Sheets(workbook, schema).write
    except FileCreateError as error:  # its own error for a full disk
        raise OSError(str(error)) from error


class _Sheets:
    """The sheets of a workbook, filled one after the other."""

    def __init__(self, workbook: Any, schema: pa.Schema) -> None:  # Any: xlsxwriter's Workbook
        self._workbook, self._schema = workbook, schema
        self._header = workbook.add_format({"bold": True})
        self._time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._number = 0
        self._start_sheet()

    def write(self, table: pa.Table) -> None:
        """Write the rows of a table."""
        cells = joined_labels(table)
        writers = [self._writer(field.type) for field in cells.schema]
        for row in zip(*(column.to_pylist() for column in cells.columns), strict=True):
            if self._row == MAX_ROWS:
                self._start_sheet()
            for column, (write, value) in enumerate(zip(writers, row, strict=True)):
                if value is not None:
                    write(self._row, column, value)
            self._row += 1

    def _start_sheet(self) -> None:
        self._number += 1
        name = _SHEET if self._number == 1 else f"{_SHEET} {self._number}"
        self._sheet = self._workbook.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for column, title in enumerate(self._schema.names):
            self._write_text(0, column, title, self._header)
        self._row = 1

    def _writer(self, kind: pa.DataType) -> Callable[[int, int, Any], object]:
        if pa.types.is_boolean(kind):
            return lambda row, column, value: self._sheet.write_boolean(row, column, value)
        if pa.types.is_timestamp(kind):
            return lambda row, column, value: self._sheet.write_datetime(
                row, column, value, self._time
            )
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            return lambda row, column, value: self._sheet.write_number(row, column, value)
        return self._write_text

    def _write_text(self, row: int, column: int, value: str, style: Any = None) -> None:
        text = excel_text(value)
        if text.startswith("<r>") and text.endswith("</r>"):
            # xlsxwriter would copy it into the file as XML of its own
            self._sheet.write_rich_string(row, column, text[0], text[1], text[2:])
        else:
            self._sheet.write_string(row, column, text, style)

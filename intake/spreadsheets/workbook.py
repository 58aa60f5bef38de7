"""Workbooks, opened by calamine: their sheets, and the rows of one sheet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from intake.errors import NoSpreadsheetReader, UnreadableUpload
from intake.spreadsheets.cell_text import CellValue, cell_text, ods_cell_text

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_SAVE_AGAIN = "Open it in a spreadsheet program and save it again."

Row = list[str | None]  # the cells of one row; None where one is blank


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook."""

    name: str
    hidden: bool


@dataclass(frozen=True)
class SheetRow:
    """One row that is not blank."""

    number: int  # the number that the sheet shows beside it, from 1
    cells: Row


class Workbook:
    """An open workbook. Its methods raise UnreadableUpload where a part of it is damaged."""

    def __init__(self, name: str, format_: str, calamine: CalamineWorkbook) -> None:
        self._name, self._format, self._calamine = name, format_, calamine

    def sheets(self) -> list[Sheet]:
        """Return the sheets that hold cells, and not charts or macros, in their order."""
        from python_calamine import SheetTypeEnum, SheetVisibleEnum

        return [
            Sheet(sheet.name, sheet.visible != SheetVisibleEnum.Visible)
            for sheet in self._calamine.sheets_metadata
            if sheet.typ == SheetTypeEnum.WorkSheet
        ]

    def open_sheet(self, sheet: str) -> OpenSheet:
        """Read a sheet into memory."""
        with _calamine_errors(self._name):
            content = self._calamine.get_sheet_by_name(sheet)
        text = ods_cell_text if self._format == "ods" else cell_text
        return OpenSheet(self._name, content, text)


class OpenSheet:
    """The content of a sheet."""

    def __init__(
        self, name: str, calamine: CalamineSheet, text: Callable[[CellValue], str | None]
    ) -> None:
        self._name, self._calamine, self._text = name, calamine, text

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows that are not blank, all of one width."""
        # The rows above the first cell come too, and the columns left of it do not.
        with _calamine_errors(self._name):
            for number, values in enumerate(self._calamine.iter_rows(), 1):
                if values.count("") == len(values):  # of these, a sheet may have a million
                    continue
                cells = [self._text(value) for value in values]
                if any(cell is not None for cell in cells):
                    yield SheetRow(number, cells)


@contextmanager
def open_workbook(name: str, format_: str, file: Path) -> Iterator[Workbook]:
    """Yield the workbook of the upload `name`; `format_` is xlsx, ods or xls.

    Raises UnreadableUpload, NoSpreadsheetReader.
    """
    try:
        from python_calamine import load_workbook
    except ModuleNotFoundError:
        raise NoSpreadsheetReader from None
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        # By the end of the name calamine knows the format; without it, it hides what is wrong.
        link = Path(folder, f"workbook.{format_}")
        link.symlink_to(file.absolute())
        with _calamine_errors(name):
            workbook = load_workbook(link)
        with workbook:
            yield Workbook(name, format_, workbook)


@contextmanager
def _calamine_errors(name: str) -> Iterator[None]:
    """Raise UnreadableUpload for what calamine raises when a workbook is damaged or protected."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError:
        raise UnreadableUpload(
            name, "it is protected by a password", "Save it without a password."
        ) from None
    # ValueError: of values that Python has no type for, such as a date of the year 99999
    except (CalamineError, OSError, ValueError, OverflowError) as error:
        raise _damaged(name, str(error)) from None
    except BaseException as error:
        # Rust code that panics raises this, which no module exports; it is not an Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(name, "its content contradicts itself") from None


def _damaged(name: str, reason: str) -> UnreadableUpload:
    return UnreadableUpload(
        name, f"it is a workbook that cannot be read ({reason[:200]})", _SAVE_AGAIN
    )

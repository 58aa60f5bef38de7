"""The table in a sheet: the row that names its columns, and the rows below it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from intake.detect.header import (
    HEADER_ROWS,
    MORE_HEADER_LINES,
    UnclearHeader,
    describe_row,
    find_header,
    lines_of_header,
    unclear_header_error,
)
from intake.errors import UnreadableUpload
from intake.spreadsheets.workbook import OpenSheet, Row, SheetRow


@dataclass(frozen=True)
class Table:
    """The names of the columns, and where the table is in its sheet.

    A column without a name is left out if it is blank.
    """

    content: OpenSheet
    header: SheetRow
    last_line: int  # number of the last row that describes the columns
    positions: Sequence[int]  # of the columns, among the cells of a row
    notices: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the columns, empty or repeated ones included."""
        return [self.header.cells[position] or "" for position in self.positions]

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows that are not blank, with one cell a column."""
        for row in _rows_below(self.content, self.last_line):
            yield SheetRow(row.number, [row.cells[position] for position in self.positions])


def find_table(name: str, content: OpenSheet, requested: Sequence[str]) -> Table:
    """Return the table in a sheet of the upload `name`; `requested`: names of columns in it.

    Raises UnreadableUpload where there is none, or it is not clear which row is the header.
    """
    first = next(content.rows(), None)
    if first is None:
        raise UnreadableUpload(name, "the sheet is blank", "Its first row must name the columns.")
    head = takewhile(lambda row: row.number < first.number + HEADER_ROWS, content.rows())
    by_number = {row.number: row for row in head}
    # The blank rows too: one between title and header is a sign of a header.
    rows = [
        _texts(by_number[number].cells) if number in by_number else []
        for number in range(first.number, max(by_number) + 1)
    ]
    try:
        header = by_number[first.number + find_header(rows, requested)]
    except UnclearHeader as unclear:
        candidates = [
            _describe(by_number[first.number + position]) for position in unclear.positions
        ]
        raise unclear_header_error(name, "row", candidates) from None
    notices: tuple[str, ...] = ()
    if header.number > first.number:
        notices = (f"its columns are named in {_describe(header)}; the rows above are not read",)
    below = [_texts(row.cells) for row in islice(_rows_below(content, header.number), 2)]
    last_line = header.number
    if more := lines_of_header(below):
        last_line = [row.number for row in islice(_rows_below(content, header.number), more)][-1]
        notices = (*notices, MORE_HEADER_LINES)
    return Table(content, header, last_line, _positions_with_content(content, header), notices)


def _positions_with_content(content: OpenSheet, header: SheetRow) -> list[int]:
    """Return the positions of the columns that have a name, or a cell that is not blank."""
    blank = {position for position, cell in enumerate(header.cells) if cell is None}
    for row in _rows_below(content, header.number) if blank else ():
        blank = {position for position in blank if row.cells[position] is None}
        if not blank:
            break
    return [position for position in range(len(header.cells)) if position not in blank]


def _rows_below(content: OpenSheet, number: int) -> Iterator[SheetRow]:
    return (row for row in content.rows() if row.number > number)


def _texts(cells: Row) -> list[str]:
    return [cell or "" for cell in cells]


def _describe(row: SheetRow) -> str:
    """Return the number of a row and its first cells."""
    return f"row {row.number} ({describe_row(_texts(row.cells))})"

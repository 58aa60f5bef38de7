"""What the XML of a workbook holds, found without parsing it: how many cells, and how far apart.

calamine takes a whole sheet into memory. A sheet that is too large has to be found before.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

# A cell with a value; `<c r="A1" s="3"/>` has a style only, and needs no memory.
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_CELL_ENDS = (b"</c>", b":c>", b"</table:table-cell>")  # the second: with a prefix
_NO_RESULT = (b"</f><v></v>", b"</f><v/>", b"</f><v />", b"</f></c>")
_LOST_IN_ODS = (b"<text:tab", b"<text:line-break")
_MAX_TAG_BYTES = 1000  # of the last one, which the next block may complete
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass
class PartScan:
    """Counts of one part of a workbook, from its bytes block by block."""

    cells: int = 0  # that are not blank
    rows: int = 0  # number of the last row that is not blank
    columns: int = 0  # number of the last column that is not blank
    formulas_without_result: int = 0
    has_lost_marks: bool = False  # tabs or line breaks of .ods that calamine leaves out
    _rest: bytes = field(default=b"", repr=False)

    def feed(self, block: bytes) -> None:
        """Count in the next bytes; the last tag of them waits for the next."""
        data = self._rest + block
        end = data.rfind(b"<", max(0, len(data) - _MAX_TAG_BYTES))
        data, self._rest = (data[:end], data[end:]) if end >= 0 else (data, b"")
        self.cells += sum(map(data.count, _CELL_ENDS))
        self.formulas_without_result += sum(map(data.count, _NO_RESULT))
        self.has_lost_marks = self.has_lost_marks or any(mark in data for mark in _LOST_IN_ODS)
        self._see_cells(data)

    def _see_cells(self, data: bytes) -> None:
        first = _CELL.search(data)
        if first is None:
            return
        # Rows ascend, so the last cell with a value is in the last of their rows: the last that
        # ends here, or the one that begins here and ends in the next bytes.
        ends = (max(data.rfind(b"</c>"), 0), len(data))
        last = [_CELL.match(data, max(data.rfind(b'<c r="', 0, end), 0)) for end in ends]
        self.rows = max(self.rows, *(int(cell[2]) for cell in (first, *last) if cell))
        further = set(_cell_beyond(self.columns).findall(data))
        self.columns = max(self.columns, *map(column_number, {first[1], *further}))


@lru_cache
def _cell_beyond(column: int) -> re.Pattern[bytes]:
    """Return what finds cells in further columns; of A to Z only those, so that few are found."""
    single = _LETTERS[column:]
    letters = b"[A-Z]{2,3}" + (b"|[" + single + b"]" if single else b"")
    return re.compile(rb'<c r="(' + letters + rb')\d{1,7}"[^>]*(?<!/)>')


def column_number(letters: bytes) -> int:
    """Return the number of a column, from 1.

    >>> [column_number(letters) for letters in (b"A", b"Z", b"AA", b"XFD")]
    [1, 26, 27, 16384]
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number

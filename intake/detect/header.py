"""The header of a table: which of its first rows names the columns, where titles stand above it."""

import re
from collections import Counter
from collections.abc import Sequence

from intake.detect.column_names import is_usual_id, is_usual_text, normalize_name
from intake.errors import UnreadableUpload

MORE_HEADER_LINES = "two rows below the header describe the columns, and are not read as feedback"
HEADER_ROWS = 50  # rows of a table that are enough to find its header

_NUMBER_OR_DATE = re.compile(r"[\d\s.,:/\-+%€$£¥]*\d[\d\s.,:/\-+%€$£¥]*")

Row = Sequence[str]
_SHOWN_FIELDS, _SHOWN_CHARS = 4, 30


class UnclearHeader(Exception):
    """Signals that each of several rows may be the header. `positions`: of these rows."""

    def __init__(self, positions: Sequence[int]) -> None:
        self.positions = tuple(positions)
        super().__init__(f"rows {self.positions} may each be the header")


def unclear_header_error(name: str, what: str, candidates: Sequence[str]) -> UnreadableUpload:
    """Return the error for people; `candidates` are such as "line 2 ('id', 'text')", `what`: line
    or row.
    """
    return UnreadableUpload(
        name,
        f"its columns may be named in {' or in '.join(candidates)}",
        f"Name a column of the right {what} with --text COLUMN, or remove the {what}s above it.",
    )


def describe_row(row: Row) -> str:
    """Return the first fields of a row that are not blank, for people.

    >>> describe_row(["id", "", "comment"])
    "'id', 'comment'"
    """
    fields = [field.strip() for field in row if field.strip()]
    shown = ", ".join(repr(field[:_SHOWN_CHARS]) for field in fields[:_SHOWN_FIELDS])
    return shown + (", ..." if len(fields) > _SHOWN_FIELDS else "")


def find_header(rows: Sequence[Row], names: Sequence[str] = ()) -> int:
    """Return the position of the header among the first rows of a table (HEADER_ROWS are enough).

    It is the first row that has all of the requested column `names`. Where none has, or none is
    requested, it is the first row that is not blank, unless this is a title: fewer fields than
    most rows have, and a row below it that looks like a header. Returns 0 where all rows are blank.
    Raises UnclearHeader.

    >>> find_header([["Survey 2024"], [], ["id", "comment"], ["1", "fine"], ["2", "bad"]])
    2
    """
    filled = [position for position, row in enumerate(rows) if width(row)]
    if not filled:
        return 0
    requested = {normalize_name(name) for name in names}
    for position in filled if requested else ():
        if requested <= {normalize_name(cell) for cell in rows[position]}:
            return position
    first, below = filled[0], filled[1:]
    if not below:
        return first
    usual_width = Counter(width(rows[position]) for position in below).most_common(1)[0][0]
    if width(rows[first]) >= usual_width:
        return first
    candidate = next(position for position in below if width(rows[position]) >= usual_width)
    return _decide(rows, first, candidate)


def width(row: Row) -> int:
    """Return the number of fields up to the last that is not blank.

    >>> width(["Survey results", "", " "])
    1
    """
    return max((number for number, cell in enumerate(row, 1) if cell.strip()), default=0)


def _decide(rows: Sequence[Row], first: int, candidate: int) -> int:
    """Return which row is the header: the first, or the first that is as wide as most rows."""
    names_columns = looks_like_names(rows[candidate])
    usual = any(is_usual_text(cell) or is_usual_id(cell) for cell in rows[candidate])
    if any(map(is_usual_text, rows[first])):
        if not (usual and names_columns):
            return first
        # A title such as "Customer feedback"; or a single column whose texts have commas.
        below_title = any(map(is_usual_id, rows[candidate])) or _has_numbers_below(rows, candidate)
        if width(rows[first]) == 1 and (below_title or _is_blank_between(rows, first, candidate)):
            return candidate
        raise UnclearHeader([first, candidate])
    if not (usual or names_columns):
        return first
    blank_between = _is_blank_between(rows, first, candidate)
    if names_columns and (usual or blank_between or _has_numbers_below(rows, candidate)):
        return candidate
    raise UnclearHeader([first, candidate])


def _is_blank_between(rows: Sequence[Row], first: int, candidate: int) -> bool:
    return any(not width(row) for row in rows[first:candidate])


def looks_like_names(row: Row) -> bool:
    """Return True if the fields of a row can name columns: they differ, and none is a number."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return len(set(cells)) == len(cells) and not any(map(_NUMBER_OR_DATE.fullmatch, cells))


def _has_numbers_below(rows: Sequence[Row], header: int) -> bool:
    """Return True if there are rows below the header, and one column holds numbers in all of them.

    Rows of another length are left out.
    """
    below = [row for row in rows[header + 1 :] if len(row) == len(rows[header])]
    return any(all(map(_NUMBER_OR_DATE.fullmatch, cells)) for cells in zip(*below, strict=True))


def lines_of_header(rows_below: Sequence[Row]) -> int:
    """Return how many of the rows below the header describe the columns, too.

    Qualtrics exports the questions and then import ids in two more rows.

    >>> lines_of_header([["What did you like?"], ['{"ImportId":"QID1_TEXT"}'], ["Nice staff"]])
    2
    """
    ids = rows_below[1] if len(rows_below) > 1 else []
    named = [cell for cell in ids if cell.strip()]
    return 2 if named and all(cell.lstrip().startswith('{"ImportId"') for cell in named) else 0

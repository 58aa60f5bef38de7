"""The delimiter of a CSV file, and the lines above its header: Excel's sep= line, and titles."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from intake.detect.column_names import is_usual_text, normalize_name
from intake.detect.header import (
    HEADER_ROWS,
    UnclearHeader,
    describe_row,
    find_header,
    unclear_header_error,
    width,
)

DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SEP_LINE = re.compile(r'"?sep=([!#-/:-@\[-^`{-~\t])"?', re.IGNORECASE)


@dataclass(frozen=True)
class CsvLayout:
    """The delimiter, and the number of lines before the header (`lines_above`)."""

    delimiter: str
    lines_above: int = 0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Head:
    """The first records of a file as one delimiter separates them, and the line each begins in."""

    rows: Sequence[Sequence[str]]
    first_lines: Sequence[int]  # [rows] from 0
    header: int  # position of the header
    unclear: tuple[int, ...] = ()  # positions of several rows that may be it

    @property
    def title_above(self) -> bool:
        """Whether lines that are not blank stand above the header."""
        return bool(self.unclear) or any(map(width, self.rows[: self.header]))

    def names_columns(self, names: Sequence[str]) -> bool:
        """Return True if the first row that is not blank is surely the header.

        It has all requested names, or where there are none several fields, one of them a usual
        name.
        """
        row = next((row for row in self.rows if width(row)), [])
        if names:
            return set(map(normalize_name, names)) <= set(map(normalize_name, row))
        return width(row) > 1 and any(map(is_usual_text, row))

    @property
    def uniform_rows(self) -> int:
        """Number of rows that have as many fields as most have; 0 where that is one field."""
        widths = Counter(width(row) for row in self.rows if width(row))
        most, rows = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        return rows if most > 1 else 0


def choose_csv_layout(
    name: str, lines: Sequence[str], delimiter: str | None, names: Sequence[str]
) -> CsvLayout:
    """Return the layout of the upload `name`, whose first lines these are, without their ends.

    A sep= line sets the delimiter, else `delimiter`, else what the lines show. `names`: the
    requested columns. Raises UnreadableUpload where it is not clear which line is the header.
    """
    sep_line = _SEP_LINE.fullmatch(lines[0].strip(" \r")) if lines else None
    above = 0
    if sep_line:
        lines, above, delimiter = lines[1:], 1, sep_line[1]
    sniffed = delimiter is None
    if delimiter is None:
        delimiter, head = _sniff(lines, names)
    else:
        head = _parse(lines, delimiter, names)
    if head.unclear:
        candidates = [_describe(head, position, above) for position in head.unclear]
        raise unclear_header_error(name, "line", candidates)
    notices = []
    if sniffed and delimiter != ",":
        notices.append(f"its columns are separated by {_DELIMITER_NAMES[delimiter]}, not commas")
    if head.title_above:
        notices.append(
            f"its columns are named in {_describe(head, head.header, above)}; the lines above are "
            "not read"
        )
    if head.rows:
        above += head.first_lines[head.header]
    return CsvLayout(delimiter, above, tuple(notices))


def sniff_delimiter(header: str) -> str:
    """Return the one of DELIMITERS that occurs most often outside quotes; a comma if none does.

    >>> sniff_delimiter('id;"text, as given";date')
    ';'
    """
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _sniff(lines: Sequence[str], names: Sequence[str]) -> tuple[str, _Head]:
    """Return the delimiter by which the first line surely is the header.

    That is the most frequent one of the line, or the only one that parts it into such a header.
    Where none does, it is the one that parts most lines into equally many fields: titles may stand
    above the header, or a column may be named by a sentence with commas.
    """
    usual = sniff_delimiter(next((line for line in lines if line.strip()), ""))
    heads = {usual: _parse(lines, usual, names)}
    if heads[usual].names_columns(names):
        return usual, heads[usual]
    heads |= {other: _parse(lines, other, names) for other in DELIMITERS if other != usual}
    naming = [delimiter for delimiter, head in heads.items() if head.names_columns(names)]
    if len(naming) == 1:
        return naming[0], heads[naming[0]]
    possible = [
        delimiter
        for delimiter, head in heads.items()
        if head.title_above or width(next(filter(width, head.rows), [])) > 1
    ]
    best = max(possible, key=lambda delimiter: heads[delimiter].uniform_rows, default=usual)
    return (best, heads[best]) if heads[best].uniform_rows else (usual, heads[usual])


def _parse(lines: Sequence[str], delimiter: str, names: Sequence[str]) -> _Head:
    # The csv module takes carriage returns inside a line for errors.
    feed = (line.rstrip("\r").replace("\r", " ") + "\n" for line in lines)
    reader = csv.reader(feed, delimiter=delimiter)
    rows, first_lines, next_line = [], [], 0
    for row in islice(reader, HEADER_ROWS):
        rows.append(row)
        first_lines.append(next_line)
        next_line = reader.line_num
    try:
        return _Head(rows, first_lines, find_header(rows, names))
    except UnclearHeader as unclear:
        return _Head(rows, first_lines, unclear.positions[0], unclear.positions)


def _describe(head: _Head, position: int, above: int) -> str:
    """Return the number of a record's line, from 1, and its first fields."""
    number = above + head.first_lines[position] + 1
    return f"line {number} ({describe_row(head.rows[position])})"

"""Lines to CSV records that never run away: a quote that is never closed costs one line, not the
rest of the file.
"""

import csv
from dataclasses import dataclass
from itertools import chain

MAX_RECORD_CHARS = 4 << 20  # characters of a record over several lines
_FIELD_LIMIT = 1 << 30
_STAND_IN = "\ufdd0"  # no character: Unicode keeps it for uses like this


@dataclass(frozen=True)
class CsvRecords:
    """`rows[i]` are the fields of record i: none for a blank line, None where a quote is opened and
    never closed.
    """

    rows: list[list[str] | None]
    open_lines: list[str]  # lines at the end that begin a record which is not complete yet


def parse_csv_lines(lines: list[str], delimiter: str, end: str, *, final: bool) -> CsvRecords:
    """Parse lines that end with `end`. How many of them a record took is `lines_of` it, so they can
    be found again.

    `final`: no line will follow, so what is open at the end was never closed.
    """
    _raise_field_limit()
    rows: list[list[str] | None] = []
    at = 0  # lines before this one belong to complete records
    while True:
        # Strict: a quote that is followed by something else than a delimiter is an error, as is the
        # end inside quotes. The blank line at the end tells these two apart: only a record that is
        # still open takes it.
        feed = chain(lines[at:], ("\n",))
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        before = len(rows)
        try:
            for row in reader:
                rows.append(row)  # noqa: PERF402 - an error must not lose the rows before it, so no list.extend
        except csv.Error:
            begun = sum(count_lines(row, end) for row in rows[before:])
            at += begun
            still_open = next(feed, None) is None
            if still_open and not final and sum(map(len, lines[at:])) <= MAX_RECORD_CHARS:
                return CsvRecords(rows, lines[at:])
            one_line = reader.line_num == begun + 1 and not still_open
            rows.append(_leniently(lines[at], delimiter) if one_line else None)
            at += 1
        else:
            rows.pop()
            return CsvRecords(rows, [])


def count_lines(row: list[str] | None, end: str) -> int:
    """How many lines this record took."""
    return 1 + sum(field.count(end) for field in row or ())


def _leniently(line: str, delimiter: str) -> list[str] | None:
    """A line with quotes in odd places or a stray carriage return, read as well as can be; None if
    it stays open.
    """
    body = line.rstrip("\r\n").replace("\r", _STAND_IN)
    try:
        rows = list(csv.reader([body + "\n", "\n"], delimiter=delimiter))
    except csv.Error:
        return None
    if len(rows) != 2:
        return None
    return [field.replace(_STAND_IN, "\r") for field in rows[0]]


def _raise_field_limit() -> None:
    """The limit belongs to the whole process, so it is only ever raised; the length of lines is
    bounded elsewhere.
    """
    if csv.field_size_limit() < _FIELD_LIMIT:
        csv.field_size_limit(_FIELD_LIMIT)

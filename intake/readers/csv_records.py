"""CSV records from lines. A quote that is never closed costs one line, not the rest of the file."""

import csv
from dataclasses import dataclass
from itertools import chain

MAX_RECORD_CHARS = 4 << 20  # of a record over several lines
# After so many quotes that are never closed, each line of the same part of a file is a record.
_MAX_UNCLOSED = 16
_FIELD_LIMIT = 1 << 30
_RETURN_STAND_IN = "\ufdd0"  # no character: Unicode reserves it for uses like this


@dataclass(frozen=True)
class CsvRecords:
    """Parsed records, and the lines of one that is not complete yet.

    `rows[i]` holds the fields of record i: none for a blank line, None where a quote is opened and
    never closed.
    """

    rows: list[list[str] | None]
    open_lines: list[str]  # lines at the end that begin a record which is not complete yet


def parse_csv_lines(lines: list[str], delimiter: str, end: str, *, final: bool) -> CsvRecords:
    """Parse lines that end with `end`.

    Each record took `count_lines` lines, so that its lines can be found again. `final`: no line
    will follow, so a quote that is open at the end was never closed.
    """
    _raise_field_limit()
    rows: list[list[str] | None] = []
    first = 0  # lines before this one belong to complete records
    unclosed = 0  # quotes that were never closed; each was searched for the end of all lines
    while True:
        # Strict: a quote that is followed by anything but a delimiter is an error, as is the end
        # inside quotes. The blank line at the end tells these two apart: only a record that is
        # still open consumes it.
        feed = chain(map(lines.__getitem__, range(first, len(lines))), ("\n",))
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        rows_before = len(rows)
        try:
            for row in reader:
                rows.append(row)  # noqa: PERF402 - list.extend would lose the rows before an error
        except csv.Error:
            complete_lines = sum(count_lines(row, end) for row in rows[rows_before:])
            first += complete_lines
            still_open = next(feed, None) is None
            if still_open and not final and sum(map(len, lines[first:])) <= MAX_RECORD_CHARS:
                return CsvRecords(rows, lines[first:])
            unclosed += still_open
            if unclosed > _MAX_UNCLOSED:
                rows += [_parse_leniently(line, delimiter) for line in lines[first:]]
                return CsvRecords(rows, [])
            one_line = reader.line_num == complete_lines + 1 and not still_open
            rows.append(_parse_leniently(lines[first], delimiter) if one_line else None)
            first += 1
        else:
            rows.pop()
            return CsvRecords(rows, [])


def count_lines(row: list[str] | None, end: str) -> int:
    """Return how many lines this record took."""
    return 1 + sum(field.count(end) for field in row or ())


def _parse_leniently(line: str, delimiter: str) -> list[str] | None:
    """Parse a line with quotes in odd places or a stray carriage return as well as possible.

    Returns None if a quote stays open.
    """
    body = line.rstrip("\r\n").replace("\r", _RETURN_STAND_IN)
    try:
        rows = list(csv.reader([body + "\n", "\n"], delimiter=delimiter))
    except csv.Error:
        return None
    if len(rows) != 2:
        return None
    return [field.replace(_RETURN_STAND_IN, "\r") for field in rows[0]]


def _raise_field_limit() -> None:
    """Raise the csv module's limit on fields; read_line_blocks bounds the length of lines.

    The limit belongs to the whole process, so it is only ever raised.
    """
    if csv.field_size_limit() < _FIELD_LIMIT:
        csv.field_size_limit(_FIELD_LIMIT)

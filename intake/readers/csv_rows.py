"""Reader of CSV and TSV: lines become blocks of records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain

import numpy as np
import pyarrow as pa

from intake.detect.encoding import as_utf8
from intake.detect.header import MORE_HEADER_LINES, lines_of_header
from intake.detect.intake_limits import IntakeLimits, check_limit
from intake.detect.lines import LineBlock, drop_blank_lines, split_lines
from intake.errors import UnreadableUpload
from intake.readers.block import (
    UNDECODABLE_DETAIL,
    OpenedUpload,
    RecordBlock,
    Reject,
    RejectReason,
    extra_map,
    has_invalid_characters,
)
from intake.readers.columns import (
    SAMPLE_RECORDS,
    ColumnPositions,
    ColumnRequest,
    choose_columns,
    unique_columns,
)
from intake.readers.csv_fast import parse_regular_csv
from intake.readers.csv_records import count_lines, parse_csv_lines
from intake.readers.join_texts import join_columns, joined_name


@dataclass(frozen=True)
class _ParsedLines:
    """The lines of some records and their fields.

    `columns`: as Arrow read them. `irregular_rows`: as `csv_records` read them, where Arrow might
    have read something else.
    """

    data: bytes
    delimiter: str
    end: str
    columns: Sequence[pa.StringArray] = ()
    irregular_rows: list[list[str] | None] | None = None
    blank_lines: int = 0  # that were dropped before the others were parsed
    truncated: int = 0  # of one line that is too long to be read: the characters it may have

    @cached_property
    def lines(self) -> list[str]:
        return split_lines(self.data, self.end)

    @cached_property
    def rows(self) -> list[list[str] | None]:
        if self.irregular_rows is not None:
            return self.irregular_rows
        return parse_csv_lines(self.lines, self.delimiter, self.end, final=True).rows

    @cached_property
    def _first_lines(self) -> list[int]:
        """[rows + 1] the number of each row's first line, and of the line after the last row."""
        return list(accumulate((count_lines(row, self.end) for row in self.rows), initial=0))

    def raw_record(self, position: int) -> str:
        """Return the lines of one record as they came."""
        first, end = self._first_lines[position : position + 2]
        return "".join(self.lines[first:end]).rstrip("\r\n")


def read_csv(
    name: str,
    line_blocks: Iterable[LineBlock],
    delimiter: str,
    end: str,
    request: ColumnRequest,
    limits: IntakeLimits,
) -> OpenedUpload:
    """Open the upload `name` from its lines. Raises UnreadableUpload."""
    parsed = _parse(line_blocks, delimiter, end)
    header, first, more_lines = _split_header(name, parsed)
    check_limit(name, limits, "columns", len(header), "columns")
    positions = choose_columns(name, header, request, lambda: _samples(first))
    id_column = None if positions.id is None else header[positions.id]
    columns = unique_columns(header)
    blocks = _CsvBlockReader(columns, positions).read(chain([first], parsed))
    text_column = joined_name([header[text] for text in positions.texts])
    notices = (MORE_HEADER_LINES,) if more_lines else ()
    return OpenedUpload(text_column, id_column, tuple(columns), blocks, notices)


def _parse(line_blocks: Iterable[LineBlock], delimiter: str, end: str) -> Iterator[_ParsedLines]:
    open_lines, header_read = b"", False
    for block in line_blocks:
        if block.truncated:
            yield _ParsedLines(open_lines, delimiter, end)
            yield _ParsedLines(
                block.data, delimiter, end, irregular_rows=[None], truncated=block.truncated
            )
            open_lines = b""
            continue
        data = open_lines + block.data
        if header_read and b'"' not in data:  # else a blank line may be part of a field
            lines, data = data.count(end.encode()), drop_blank_lines(data, end)
            blank_lines = lines - data.count(end.encode())
        else:
            header_read, blank_lines = True, 0
        columns = parse_regular_csv(data, delimiter, end)
        if columns is not None:
            yield _ParsedLines(data, delimiter, end, columns, blank_lines=blank_lines)
            open_lines = b""
            continue
        records = parse_csv_lines(split_lines(data, end), delimiter, end, final=False)
        open_lines = as_utf8("".join(records.open_lines))
        yield _ParsedLines(
            data, delimiter, end, irregular_rows=records.rows, blank_lines=blank_lines
        )
    yield _ParsedLines(open_lines, delimiter, end)


def _samples(lines: _ParsedLines) -> list[list[str]]:
    """Return some records, for an error that shows values."""
    return [row for row in lines.rows[:SAMPLE_RECORDS] if row]


def _split_header(name: str, parsed: Iterator[_ParsedLines]) -> tuple[list[str], _ParsedLines, int]:
    """Return the fields of the first record, the lines below that were parsed with it, and how many
    more records described the columns.
    """
    for lines in parsed:
        for position, row in enumerate(lines.rows):
            if row is None or has_invalid_characters("".join(row)):
                raise UnreadableUpload(
                    name,
                    "its first line is not a header of column names",
                    "Check the start of the file.",
                )
            if row:
                below = lines.rows[position + 1 : position + 3]
                end = position + 1 + lines_of_header([fields or [] for fields in below])
                header_rows = lines.rows[:end]
                header_lines = sum(count_lines(above, lines.end) for above in header_rows)
                rest = replace(
                    lines,
                    data=as_utf8("".join(lines.lines[header_lines:])),
                    irregular_rows=lines.rows[end:],
                    columns=(),
                )
                return row, rest, end - position - 1
    raise UnreadableUpload(name, "it holds no header", "Its first line must name the columns.")


class _CsvBlockReader:
    """Numbers the records from 1 and rejects those that do not fit the header."""

    def __init__(self, columns: list[str], positions: ColumnPositions) -> None:
        self._width, self._positions, self._next_row = len(columns), positions, 1
        self._extra_positions = positions.kept(len(columns))
        self._extra_columns = tuple(columns[position] for position in self._extra_positions)

    def read(self, parsed: Iterable[_ParsedLines]) -> Iterator[RecordBlock]:
        for lines in parsed:
            if lines.data or lines.blank_lines:
                block = self._whole_block(lines) or self._checked_block(lines)
                yield replace(block, blank_rows=block.blank_rows + lines.blank_lines)

    def _whole_block(self, lines: _ParsedLines) -> RecordBlock | None:
        """Build the block without a look at each record.

        This is the usual case: all records have the right number of fields and valid characters.
        Returns None if they have not.
        """
        columns = lines.columns or self._columns_of_uniform_rows(lines)
        if len(columns) != self._width:
            return None
        rows = len(columns[0])
        row_numbers = np.arange(self._next_row, self._next_row + rows)
        self._next_row += rows
        return self._block(columns, row_numbers, range(rows), lines, [])

    def _columns_of_uniform_rows(self, lines: _ParsedLines) -> Sequence[pa.StringArray]:
        rows = [row for row in lines.rows if row]
        if len(rows) != len(lines.rows) or {*map(len, rows)} != {self._width}:
            return ()
        try:
            return _transpose(rows)
        except UnicodeEncodeError:
            return ()

    def _checked_block(self, lines: _ParsedLines) -> RecordBlock:
        rows, row_numbers, positions, rejects, blank_rows = [], [], [], [], 0
        for position, row in enumerate(lines.rows):
            if row is not None and not any(map(str.strip, row)):
                blank_rows += 1
                self._next_row += bool(row)  # an empty line is no record and has no number
                continue
            reject = self._reject(lines, position)
            if reject is not None:
                rejects.append(reject)
            elif row is not None:
                rows.append(row)
                row_numbers.append(self._next_row)
                positions.append(position)
            self._next_row += 1
        columns = _transpose(rows) or [pa.array([], pa.string())] * self._width
        numbers = np.array(row_numbers, dtype=np.int64)
        block = self._block(columns, numbers, positions, lines, rejects)
        return replace(block, blank_rows=blank_rows)

    def _reject(self, lines: _ParsedLines, position: int) -> Reject | None:
        row = lines.rows[position]
        if lines.truncated:
            reason = RejectReason.TOO_LONG
            detail = f"the line has more than {lines.truncated} characters"
        elif row is None:
            reason, detail = RejectReason.FIELDS, "a quote is opened and never closed"
        elif len(row) != self._width:
            reason, detail = RejectReason.FIELDS, f"expected {self._width} fields, found {len(row)}"
        elif has_invalid_characters("".join(row)):
            reason, detail = RejectReason.UNDECODABLE, UNDECODABLE_DETAIL
        else:
            return None
        return Reject(self._next_row, None, reason, detail, lines.raw_record(position))

    def _block(
        self,
        columns: Sequence[pa.StringArray],
        row_numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
        positions: Sequence[int],
        lines: _ParsedLines,
        rejects: list[Reject],
    ) -> RecordBlock:
        extra = [columns[position] for position in self._extra_positions]
        return RecordBlock(
            row_numbers=row_numbers,
            ids=None if self._positions.id is None else columns[self._positions.id],
            texts=join_columns([columns[text] for text in self._positions.texts]),
            extra=extra_map(self._extra_columns, extra, len(row_numbers)),
            columns=self._extra_columns,
            raw_record=lambda position: lines.raw_record(positions[position]),
            rejects=rejects,
        )


def _transpose(rows: Sequence[Sequence[str]]) -> list[pa.StringArray]:
    """Return records of one width, column by column. Raises UnicodeEncodeError for surrogates."""
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]

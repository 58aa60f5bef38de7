"""CSV and TSV: from lines to blocks of records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain

import numpy as np
import pyarrow as pa

from intake.detect.encoding import as_utf8
from intake.detect.lines import MAX_LINE_CHARS, LineBlock, split_lines
from intake.errors import UnreadableUpload
from intake.readers.block import (
    OpenedUpload,
    RecordBlock,
    Reject,
    RejectReason,
    extra_map,
    has_invalid_characters,
)
from intake.readers.columns import ColumnPositions, choose_columns, unique_columns
from intake.readers.csv_fast import parse_regular_csv
from intake.readers.csv_records import count_lines, parse_csv_lines


@dataclass(frozen=True)
class _ParsedLines:
    """The lines of some records, and what they were read as: `columns` by Arrow, `rows` where that
    had its doubts.
    """

    data: bytes
    delimiter: str
    end: str
    columns: Sequence[pa.StringArray] = ()
    doubtful: list[list[str] | None] | None = None
    cut: bool = False  # one line that is too long to be read

    @cached_property
    def lines(self) -> list[str]:
        return split_lines(self.data, self.end)

    @cached_property
    def rows(self) -> list[list[str] | None]:
        if self.doubtful is not None:
            return self.doubtful
        return parse_csv_lines(self.lines, self.delimiter, self.end, final=True).rows

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((count_lines(row, self.end) for row in self.rows), initial=0))

    def raw(self, position: int) -> str:
        """The lines of one record as they came."""
        return "".join(self.lines[self._starts[position] : self._starts[position + 1]]).rstrip(
            "\r\n"
        )


def read_csv(
    name: str,
    pieces: Iterable[LineBlock],
    delimiter: str,
    end: str,
    text: str | None,
    id_: str | None,
) -> OpenedUpload:
    """The upload `name` from its lines; `text` and `id_` are the columns asked for. Raises
    UnreadableUpload.
    """
    batches = _batches(pieces, delimiter, end)
    header, rest = _header(name, batches)
    chosen = choose_columns(name, header, text, id_)
    id_column = None if chosen.id is None else header[chosen.id]
    return OpenedUpload(
        header[chosen.text], id_column, _CsvBlockReader(unique_columns(header), chosen).read(rest)
    )


def _batches(pieces: Iterable[LineBlock], delimiter: str, end: str) -> Iterator[_ParsedLines]:
    left = b""
    for piece in pieces:
        if piece.truncated:
            yield _ParsedLines(left, delimiter, end)
            yield _ParsedLines(piece.data, delimiter, end, doubtful=[None], cut=True)
            left = b""
            continue
        data = left + piece.data
        columns = parse_regular_csv(data, delimiter, end)
        if columns is not None:
            yield _ParsedLines(data, delimiter, end, columns)
            left = b""
            continue
        records = parse_csv_lines(split_lines(data, end), delimiter, end, final=False)
        left = as_utf8("".join(records.open_lines))
        yield _ParsedLines(data, delimiter, end, doubtful=records.rows)
    yield _ParsedLines(left, delimiter, end)


def _header(name: str, batches: Iterator[_ParsedLines]) -> tuple[list[str], Iterator[_ParsedLines]]:
    """The first record, and what comes after it."""
    for batch in batches:
        for position, row in enumerate(batch.rows):
            if row is None or has_invalid_characters("".join(row)):
                raise UnreadableUpload(
                    name,
                    "its first line is not a header of column names",
                    "Check the start of the file.",
                )
            if row:
                lines = sum(count_lines(before, batch.end) for before in batch.rows[: position + 1])
                rest = replace(
                    batch,
                    data=as_utf8("".join(batch.lines[lines:])),
                    doubtful=batch.rows[position + 1 :],
                    columns=(),
                )
                return row, chain([rest], batches)
    raise UnreadableUpload(name, "it holds no header", "Its first line must name the columns.")


class _CsvBlockReader:
    """Counts the records from 1 and sorts out those that do not fit the header."""

    def __init__(self, columns: list[str], chosen: ColumnPositions) -> None:
        self._width, self._chosen, self._row = len(columns), chosen, 1
        self._others = [at for at in range(len(columns)) if at not in (chosen.text, chosen.id)]
        self._columns = tuple(columns[at] for at in self._others)

    def read(self, batches: Iterable[_ParsedLines]) -> Iterator[RecordBlock]:
        for batch in batches:
            if batch.data:
                yield self._even(batch) or self._uneven(batch)

    def _even(self, batch: _ParsedLines) -> RecordBlock | None:
        """The usual case, without a look at each record: all have the right number of fields and
        valid characters.
        """
        columns = batch.columns or self._even_columns(batch)
        if len(columns) != self._width:
            return None
        rows = len(columns[0])
        block = self._block(columns, np.arange(self._row, self._row + rows), range(rows), batch, [])
        self._row += rows
        return block

    def _even_columns(self, batch: _ParsedLines) -> Sequence[pa.StringArray]:
        rows = [row for row in batch.rows if row]
        if len(rows) != len(batch.rows) or {*map(len, rows)} != {self._width}:
            return ()
        try:
            return _columns(rows)
        except UnicodeEncodeError:
            return ()

    def _uneven(self, batch: _ParsedLines) -> RecordBlock:
        rows, numbers, positions, rejects = [], [], [], []
        for position, row in enumerate(batch.rows):
            if row == []:
                continue
            reject = self._reject(batch, position)
            if reject is not None:
                rejects.append(reject)
            elif row is not None:
                rows.append(row)
                numbers.append(self._row)
                positions.append(position)
            self._row += 1
        columns = _columns(rows) or [pa.array([], pa.string())] * self._width
        return self._block(columns, np.array(numbers, dtype=np.int64), positions, batch, rejects)

    def _reject(self, batch: _ParsedLines, position: int) -> Reject | None:
        row = batch.rows[position]
        if batch.cut:
            reason, detail = (
                RejectReason.TOO_LONG,
                f"the line has more than {MAX_LINE_CHARS} characters",
            )
        elif row is None:
            reason, detail = RejectReason.FIELDS, "a quote is opened and never closed"
        elif len(row) != self._width:
            reason, detail = RejectReason.FIELDS, f"expected {self._width} fields, found {len(row)}"
        elif has_invalid_characters("".join(row)):
            reason, detail = (
                RejectReason.UNDECODABLE,
                "some of its bytes are no characters in the encoding of the file",
            )
        else:
            return None
        return Reject(self._row, None, reason, detail, batch.raw(position))

    def _block(
        self,
        columns: Sequence[pa.StringArray],
        numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
        positions: Sequence[int],
        batch: _ParsedLines,
        rejects: list[Reject],
    ) -> RecordBlock:
        return RecordBlock(
            row_numbers=numbers,
            ids=None if self._chosen.id is None else columns[self._chosen.id],
            texts=columns[self._chosen.text],
            extra=extra_map(self._columns, [columns[at] for at in self._others], len(numbers)),
            columns=self._columns,
            raw_record=lambda position: batch.raw(positions[position]),
            rejects=rejects,
        )


def _columns(rows: Sequence[Sequence[str]]) -> list[pa.StringArray]:
    """Records of one width, column by column. Raises UnicodeEncodeError for a lone surrogate."""
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]

"""CSV and TSV: from lines to blocks of records."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain

import numpy as np
import pyarrow as pa

from intake.detect.encoding import as_utf8
from intake.detect.lines import MOST_LINE, Piece, split_lines
from intake.errors import Unreadable
from intake.readers.block import Block, Reading, Reason, Reject, extra_of, holds_invalid
from intake.readers.columns import Chosen, choose_columns, unique_columns
from intake.readers.csv_fast import regular_columns
from intake.readers.csv_records import lines_of, read_records


@dataclass(frozen=True)
class _Batch:
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
        return read_records(self.lines, self.delimiter, self.end, final=True).rows

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((lines_of(row, self.end) for row in self.rows), initial=0))

    def raw(self, position: int) -> str:
        """The lines of one record as they came."""
        return "".join(self.lines[self._starts[position] : self._starts[position + 1]]).rstrip(
            "\r\n"
        )


def read_csv(
    name: str, pieces: Iterable[Piece], delimiter: str, end: str, text: str | None, id_: str | None
) -> Reading:
    """The upload `name` from its lines; `text` and `id_` are the columns asked for. Raises
    Unreadable.
    """
    batches = _batches(pieces, delimiter, end)
    header, rest = _header(name, batches)
    chosen = choose_columns(name, header, text, id_)
    id_column = None if chosen.id is None else header[chosen.id]
    return Reading(
        header[chosen.text], id_column, _Blocks(unique_columns(header), chosen).read(rest)
    )


def _batches(pieces: Iterable[Piece], delimiter: str, end: str) -> Iterator[_Batch]:
    left = b""
    for piece in pieces:
        if piece.cut:
            yield _Batch(left, delimiter, end)
            yield _Batch(piece.data, delimiter, end, doubtful=[None], cut=True)
            left = b""
            continue
        data = left + piece.data
        columns = regular_columns(data, delimiter, end)
        if columns is not None:
            yield _Batch(data, delimiter, end, columns)
            left = b""
            continue
        records = read_records(split_lines(data, end), delimiter, end, final=False)
        left = as_utf8("".join(records.left))
        yield _Batch(data, delimiter, end, doubtful=records.rows)
    yield _Batch(left, delimiter, end)


def _header(name: str, batches: Iterator[_Batch]) -> tuple[list[str], Iterator[_Batch]]:
    """The first record, and what comes after it."""
    for batch in batches:
        for position, row in enumerate(batch.rows):
            if row is None or holds_invalid("".join(row)):
                raise Unreadable(
                    name,
                    "its first line is not a header of column names",
                    "Check the start of the file.",
                )
            if row:
                lines = sum(lines_of(before, batch.end) for before in batch.rows[: position + 1])
                rest = replace(
                    batch,
                    data=as_utf8("".join(batch.lines[lines:])),
                    doubtful=batch.rows[position + 1 :],
                    columns=(),
                )
                return row, chain([rest], batches)
    raise Unreadable(name, "it holds no header", "Its first line must name the columns.")


class _Blocks:
    """Counts the records from 1 and sorts out those that do not fit the header."""

    def __init__(self, columns: list[str], chosen: Chosen) -> None:
        self._width, self._chosen, self._row = len(columns), chosen, 1
        self._others = [at for at in range(len(columns)) if at not in (chosen.text, chosen.id)]
        self._columns = tuple(columns[at] for at in self._others)

    def read(self, batches: Iterable[_Batch]) -> Iterator[Block]:
        for batch in batches:
            if batch.data:
                yield self._even(batch) or self._uneven(batch)

    def _even(self, batch: _Batch) -> Block | None:
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

    def _even_columns(self, batch: _Batch) -> Sequence[pa.StringArray]:
        rows = [row for row in batch.rows if row]
        if len(rows) != len(batch.rows) or {*map(len, rows)} != {self._width}:
            return ()
        try:
            return _columns(rows)
        except UnicodeEncodeError:
            return ()

    def _uneven(self, batch: _Batch) -> Block:
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

    def _reject(self, batch: _Batch, position: int) -> Reject | None:
        row = batch.rows[position]
        if batch.cut:
            reason, detail = Reason.TOO_LONG, f"the line has more than {MOST_LINE} characters"
        elif row is None:
            reason, detail = Reason.FIELDS, "a quote is opened and never closed"
        elif len(row) != self._width:
            reason, detail = Reason.FIELDS, f"expected {self._width} fields, found {len(row)}"
        elif holds_invalid("".join(row)):
            reason, detail = (
                Reason.UNDECODABLE,
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
        batch: _Batch,
        rejects: list[Reject],
    ) -> Block:
        return Block(
            rows=numbers,
            ids=None if self._chosen.id is None else columns[self._chosen.id],
            texts=columns[self._chosen.text],
            extra=extra_of(self._columns, [columns[at] for at in self._others], len(numbers)),
            columns=self._columns,
            raw=lambda position: batch.raw(positions[position]),
            rejects=rejects,
        )


def _columns(rows: Sequence[Sequence[str]]) -> list[pa.StringArray]:
    """Records of one width, column by column. Raises UnicodeEncodeError for a lone surrogate."""
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]

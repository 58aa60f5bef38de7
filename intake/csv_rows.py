"""CSV and TSV: from lines to blocks of records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain

import numpy as np
import pyarrow as pa

from intake.block import Block, Reading, Reason, Reject, extra_of, holds_invalid
from intake.columns import Chosen, choose_columns, unique_columns
from intake.csv_records import lines_of, read_records
from intake.errors import Unreadable
from intake.lines import MOST_LINE, Piece


@dataclass(frozen=True)
class _Batch:
    """Records and the lines they came from. `cut`: one line that is too long to be read."""

    lines: list[str]
    rows: list[list[str] | None]
    end: str
    cut: bool = False

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((lines_of(row, self.end) for row in self.rows), initial=0))

    def raw(self, position: int) -> str:
        """The lines of one record as they came."""
        return "".join(self.lines[self._starts[position] : self._starts[position + 1]]).rstrip("\r\n")


def read_csv(
    name: str, pieces: Iterable[Piece], delimiter: str, end: str, text: str | None, id_: str | None
) -> Reading:
    """The upload `name` from its lines; `text` and `id_` are the columns asked for. Raises Unreadable."""
    batches = _batches(pieces, delimiter, end)
    header, rest = _header(name, batches)
    chosen = choose_columns(name, header, text, id_)
    id_column = None if chosen.id is None else header[chosen.id]
    return Reading(header[chosen.text], id_column, _Blocks(unique_columns(header), chosen).read(rest))


def _batches(pieces: Iterable[Piece], delimiter: str, end: str) -> Iterator[_Batch]:
    left: list[str] = []
    for piece in pieces:
        if piece.cut:
            yield _Batch(left, read_records(left, delimiter, end, final=True).rows, end)
            yield _Batch(piece.lines, [None], end, cut=True)
            left = []
            continue
        lines = left + piece.lines
        records = read_records(lines, delimiter, end, final=False)
        left = records.left
        yield _Batch(lines, records.rows, end)
    yield _Batch(left, read_records(left, delimiter, end, final=True).rows, end)


def _header(name: str, batches: Iterator[_Batch]) -> tuple[list[str], Iterator[_Batch]]:
    """The first record, and what comes after it."""
    for batch in batches:
        for position, row in enumerate(batch.rows):
            if row is None or holds_invalid("".join(row)):
                raise Unreadable(name, "its first line is not a header of column names", "Check the start of the file.")
            if row:
                lines = sum(lines_of(before, batch.end) for before in batch.rows[: position + 1])
                rest = _Batch(batch.lines[lines:], batch.rows[position + 1 :], batch.end)
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
            if batch.rows:
                yield self._even(batch) or self._uneven(batch)

    def _even(self, batch: _Batch) -> Block | None:
        """The usual case, without a look at each record: all have the right number of fields and valid characters."""
        rows = [row for row in batch.rows if row]
        if len(rows) != len(batch.rows) or {*map(len, rows)} != {self._width}:
            return None
        try:
            block = self._block(rows, np.arange(self._row, self._row + len(rows)), list(range(len(rows))), batch, [])
        except UnicodeEncodeError:
            return None
        self._row += len(rows)
        return block

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
        return self._block(rows, np.array(numbers, dtype=np.int64), positions, batch, rejects)

    def _reject(self, batch: _Batch, position: int) -> Reject | None:
        row = batch.rows[position]
        if batch.cut:
            reason, detail = Reason.TOO_LONG, f"the line has more than {MOST_LINE} characters"
        elif row is None:
            reason, detail = Reason.FIELDS, "a quote is opened and never closed"
        elif len(row) != self._width:
            reason, detail = Reason.FIELDS, f"expected {self._width} fields, found {len(row)}"
        elif holds_invalid("".join(row)):
            reason, detail = Reason.UNDECODABLE, "some of its bytes are no characters in the encoding of the file"
        else:
            return None
        return Reject(self._row, None, reason, detail, batch.raw(position))

    def _block(
        self,
        rows: list[list[str]],
        numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
        positions: list[int],
        batch: _Batch,
        rejects: list[Reject],
    ) -> Block:
        columns = list(zip(*rows, strict=True)) or [()] * self._width
        arrays = [pa.array(column, pa.string()) for column in columns]
        return Block(
            rows=numbers,
            ids=None if self._chosen.id is None else arrays[self._chosen.id],
            texts=arrays[self._chosen.text],
            extra=extra_of(self._columns, [arrays[at] for at in self._others], len(rows)),
            columns=self._columns,
            raw=lambda position: batch.raw(positions[position]),
            rejects=rejects,
        )

"""Streams of tables whose first column is the row's number, ascending: merged, or joined. Pure, in
bounded memory. A column of the caller may have any name, so that the first is found by its place.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import ChorusError


class RowsDiffer(ChorusError):
    """Jobs that should have the same rows, and have not."""

    def __init__(self) -> None:
        super().__init__(
            "The jobs do not have the same rows, so they cannot be joined. Export each to a file "
            "of its own."
        )


def merge_by_row(first: Iterable[pa.Table], second: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of both streams, ascending; no row is in both.

    first [1, 2, 6], [7]   second [3, 4], [8]   ->   [1, 2, 3, 4], [6, 7], [8]
    """
    streams = [iter(first), iter(second)]
    heads = [_next_rows(stream) for stream in streams]
    while heads[0] is not None and heads[1] is not None:
        limit = min(_last_row(heads[0]), _last_row(heads[1]))
        taken = []
        for number, head in enumerate(heads):
            if head is None:
                continue
            count = pc.sum(pc.less_equal(head.column(0), limit)).as_py() or 0
            taken.append(head.slice(0, count))
            heads[number] = head.slice(count)
            if count == head.num_rows:
                heads[number] = _next_rows(streams[number])
        merged = pa.concat_tables(taken)
        yield merged.take(pc.sort_indices(merged.column(0)))
    for head, stream in zip(heads, streams, strict=True):
        if head is not None:
            yield head
            yield from stream


def join_by_row(streams: Sequence[Iterable[pa.Table]]) -> Iterator[list[pa.Table]]:
    """Yield tables of the same rows, one of each stream. Raises RowsDiffer.

    [1, 2], [3]   and   [1], [2, 3]   ->   [1] [1], [2] [2], [3] [3]
    """
    iterators = [iter(stream) for stream in streams]
    heads = [_next_rows(iterator) for iterator in iterators]
    while True:
        tables = [head for head in heads if head is not None]
        if not tables:
            return
        if len(tables) < len(heads):
            raise RowsDiffer
        count = min(table.num_rows for table in tables)
        joined = [table.slice(0, count) for table in tables]
        if any(not table.column(0).equals(joined[0].column(0)) for table in joined):
            raise RowsDiffer
        yield joined
        for number, table in enumerate(tables):
            rest = table.slice(count)
            heads[number] = rest if rest.num_rows else _next_rows(iterators[number])


def _next_rows(stream: Iterator[pa.Table]) -> pa.Table | None:
    """Return the next table that has rows."""
    return next((table for table in stream if table.num_rows), None)


def _last_row(table: pa.Table) -> int:
    return int(table.column(0)[-1].as_py())

"""Streams of rows are merged and joined by row, however they are cut into tables."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.export.merge import RowsDiffer, join_by_row, merge_by_row


def tables(rows, cuts):
    """Return these rows, ascending, as tables that end at the cuts; some are empty."""
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    return [
        pa.table({"row": pa.array(rows[first:end], pa.int64())})
        for first, end in itertools.pairwise(edges)
    ]


def rows_of(stream):
    return [row for table in stream for row in table["row"].to_pylist()]


cuts = st.lists(st.integers(0, 30), max_size=6)


@given(st.lists(st.booleans(), max_size=30), cuts, cuts)
def test_merged_rows_are_all_rows_in_order(is_first, first_cuts, second_cuts):
    numbered = list(enumerate(is_first, 1))
    first = tables([row for row, own in numbered if own], first_cuts)
    second = tables([row for row, own in numbered if not own], second_cuts)
    assert rows_of(merge_by_row(first, second)) == [row for row, _ in numbered]


@given(st.integers(0, 30), cuts, cuts)
def test_joined_tables_have_the_same_rows(count, first_cuts, second_cuts):
    rows = list(range(1, count + 1))
    joined = list(join_by_row([tables(rows, first_cuts), tables(rows, second_cuts)]))
    assert rows_of(first for first, _ in joined) == rows
    assert all(first["row"].equals(second["row"]) for first, second in joined)


@pytest.mark.parametrize("other", [[1, 2], [1, 2, 4], [1, 2, 3, 4]])
def test_streams_of_other_rows_are_not_joined(other):
    with pytest.raises(RowsDiffer):
        list(join_by_row([tables([1, 2, 3], [1]), tables(other, [2])]))

"""Bisection finds exactly the rows that make a model fail, with few calls of the model."""

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.steps.bisect_rows import ModelAtFault, bisect_bad_rows, max_bad_rows


class FakeModel:
    """A model that fails on ranges with a bad row, or with all rows of one of these groups."""

    def __init__(self, bad_rows=(), groups=(), broken=False):
        self.bad_rows, self.groups, self.broken = (
            set(bad_rows),
            [set(group) for group in groups],
            broken,
        )
        self.ranges, self.passed = [], set()

    def try_rows(self, first, end):
        self.ranges.append((first, end))
        rows = set(range(first, end))
        bad = rows & self.bad_rows
        if self.broken or bad or any(group <= rows for group in self.groups):
            return f"fails on {sorted(bad)}"
        self.passed |= rows
        return None

    def try_harmless_text(self):
        return "out of memory" if self.broken else None


def sets_of_rows(rows, max_size=None):
    return st.sets(st.integers(0, rows - 1), max_size=max_size) if rows else st.just(set())


@given(data=st.data(), rows=st.integers(0, 300))
def test_exactly_the_failing_rows_are_returned_with_their_reasons(data, rows):
    bad_rows = data.draw(sets_of_rows(rows))
    model = FakeModel(bad_rows)
    bad_rows_found = bisect_bad_rows(rows, model.try_rows, model.try_harmless_text, max_bad=rows)
    assert bad_rows_found == {row: f"fails on [{row}]" for row in bad_rows}
    assert model.passed == set(range(rows)) - bad_rows, "every other row was in a range that passed"


@given(data=st.data(), rows=st.integers(1, 5000))
def test_few_bad_rows_among_many_need_few_calls(data, rows):
    bad_rows = data.draw(sets_of_rows(rows, max_size=8))
    model = FakeModel(bad_rows)
    bisect_bad_rows(rows, model.try_rows, model.try_harmless_text, max_bad=rows)
    assert len(model.ranges) <= 1 + len(bad_rows) * (1 + 2 * ceil(log2(rows)))


def test_a_chunk_without_bad_rows_needs_one_call():
    model = FakeModel()
    assert bisect_bad_rows(4096, model.try_rows, model.try_harmless_text, max_bad=1) == {}
    assert model.ranges == [(0, 4096)]


@given(data=st.data(), rows=st.integers(2, 60))
def test_rows_that_fail_only_together_are_not_rejected(data, rows):
    groups = data.draw(st.lists(st.sets(st.integers(0, rows - 1), min_size=2), max_size=4))
    bad_rows = data.draw(sets_of_rows(rows, max_size=3))
    model = FakeModel(bad_rows, groups)
    assert (
        set(bisect_bad_rows(rows, model.try_rows, model.try_harmless_text, max_bad=rows))
        == bad_rows
    )
    assert model.passed == set(range(rows)) - bad_rows


@given(st.integers(1, 300))
def test_a_model_that_fails_on_everything_rejects_nothing(rows):
    model = FakeModel(broken=True)
    with pytest.raises(ModelAtFault, match="harmless text fails as well: out of memory"):
        bisect_bad_rows(rows, model.try_rows, model.try_harmless_text, max_bad=rows)
    assert model.ranges == [(0, rows)], "and it is not tried row by row"


def test_more_bad_rows_than_allowed_mean_that_the_model_is_at_fault():
    model = FakeModel(bad_rows=range(50, 100))
    with pytest.raises(
        ModelAtFault,
        match="4 of the first 54 rows fail by themselves, for example row 53: fails on",
    ):
        bisect_bad_rows(100, model.try_rows, model.try_harmless_text, max_bad=3)


def test_a_row_that_fails_only_once_is_not_rejected():
    """A machine may be out of memory for a moment: the text that was being scored is fine."""
    model = FakeModel()
    failures = iter(["out of memory"] * 4)  # 0-8, 0-4, 0-2, 0
    assert (
        bisect_bad_rows(
            8,
            lambda *rows: next(failures, None) or model.try_rows(*rows),
            model.try_harmless_text,
            max_bad=8,
        )
        == {}
    )
    assert model.passed == set(range(8))


def test_a_model_that_breaks_during_the_search_is_at_fault():
    results = iter([None, "the device is gone"])
    with pytest.raises(ModelAtFault, match="the device is gone"):
        bisect_bad_rows(4, FakeModel(bad_rows=[2]).try_rows, lambda: next(results), max_bad=4)


def test_all_of_up_to_eight_rows_may_be_bad_and_a_quarter_of_many():
    assert [max_bad_rows(rows) for rows in (1, 8, 40, 4096)] == [8, 8, 10, 1024]

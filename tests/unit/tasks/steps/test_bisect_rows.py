"""Finding the rows that a model cannot bear: all of them, no others, and with few questions."""

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.steps.bisect_rows import ModelAtFault, bisect_bad_rows, max_bad_rows


class Model:
    """Fails on ranges with one of these rows, or with all rows of one of these groups."""

    def __init__(self, poison=(), groups=(), broken=False):
        self.poison, self.groups, self.broken = (
            set(poison),
            [set(group) for group in groups],
            broken,
        )
        self.asked, self.passed = [], set()

    def works(self, first, end):
        self.asked.append((first, end))
        rows = set(range(first, end))
        bad = rows & self.poison
        if self.broken or bad or any(group <= rows for group in self.groups):
            return f"cannot bear {sorted(bad)}"
        self.passed |= rows
        return None

    def control(self):
        return "out of memory" if self.broken else None


def some_of(rows, most=None):
    return st.sets(st.integers(0, rows - 1), max_size=most) if rows else st.just(set())


@given(data=st.data(), rows=st.integers(0, 300))
def test_exactly_the_rows_that_fail_are_found_with_their_reasons(data, rows):
    poison = data.draw(some_of(rows))
    model = Model(poison)
    found = bisect_bad_rows(rows, model.works, model.control, most=rows)
    assert found == {row: f"cannot bear [{row}]" for row in poison}
    assert model.passed == set(range(rows)) - poison, "every other row was in a range that passed"


@given(data=st.data(), rows=st.integers(1, 5000))
def test_a_few_rows_among_many_cost_few_questions(data, rows):
    poison = data.draw(some_of(rows, most=8))
    model = Model(poison)
    bisect_bad_rows(rows, model.works, model.control, most=rows)
    assert len(model.asked) <= 1 + len(poison) * (1 + 2 * ceil(log2(rows)))


def test_a_chunk_without_such_rows_is_asked_once():
    model = Model()
    assert bisect_bad_rows(4096, model.works, model.control, most=1) == {}
    assert model.asked == [(0, 4096)]


@given(data=st.data(), rows=st.integers(2, 60))
def test_rows_that_fail_in_company_alone_are_kept(data, rows):
    groups = data.draw(st.lists(st.sets(st.integers(0, rows - 1), min_size=2), max_size=4))
    poison = data.draw(some_of(rows, most=3))
    model = Model(poison, groups)
    assert set(bisect_bad_rows(rows, model.works, model.control, most=rows)) == poison
    assert model.passed == set(range(rows)) - poison


@given(st.integers(1, 300))
def test_a_model_that_fails_on_everything_rejects_nothing(rows):
    model = Model(broken=True)
    with pytest.raises(ModelAtFault, match="harmless text fails as well: out of memory"):
        bisect_bad_rows(rows, model.works, model.control, most=rows)
    assert model.asked == [(0, rows)], "and it is not asked row by row"


def test_more_bad_rows_than_may_be_are_not_the_rows_fault():
    model = Model(poison=range(50, 100))
    with pytest.raises(
        ModelAtFault, match="4 of the first 54 rows fail by themselves, row 53 so: cannot bear"
    ):
        bisect_bad_rows(100, model.works, model.control, most=3)


def test_a_row_that_fails_only_once_is_kept():
    """A machine that is out of memory for a moment is no fault of the text that was being scored."""
    model = Model()
    moments = iter(["out of memory"] * 4)  # 0-8, 0-4, 0-2, 0
    assert (
        bisect_bad_rows(
            8, lambda *rows: next(moments, None) or model.works(*rows), model.control, most=8
        )
        == {}
    )
    assert model.passed == set(range(8))


def test_what_breaks_while_the_rows_are_searched_is_not_their_fault():
    controls = iter([None, "the device is gone"])
    with pytest.raises(ModelAtFault, match="the device is gone"):
        bisect_bad_rows(4, Model(poison=[2]).works, lambda: next(controls), most=4)


def test_all_of_a_few_rows_may_be_bad_and_a_quarter_of_many():
    assert [max_bad_rows(rows) for rows in (1, 8, 40, 4096)] == [8, 8, 10, 1024]

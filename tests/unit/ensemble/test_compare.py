"""Two answers to the same rows: flips, agreement beyond chance, and the rows that moved most."""

from dataclasses import fields
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import cohen_kappa_score

from ensemble.compare import Predictions, RowIds, cohen_kappa, compare
from storage.records.decisions import decide_labels

LABELS = ("a", "b", "c")
MODES = st.sampled_from(["one_of", "any_of"])
VALUES = st.integers(0, 12).flatmap(
    lambda rows: hnp.arrays(
        np.float32, (2, rows, 3), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
    )
)


def predictions(mode, values, labels=LABELS):
    values = np.asarray(values, dtype=np.float32)
    return Predictions(tuple(labels), values, decide_labels(values, mode))


def rows_of(first, end, chunk=0):
    return RowIds(
        "acme", "upload", chunk, np.arange(first, end), [f"r{row}" for row in range(first, end)]
    )


def compared(mode, before, after, most=20, labels=(LABELS, LABELS)):
    before, after = predictions(mode, before, labels[0]), predictions(mode, after, labels[1])
    return compare(mode, before, after, rows_of(0, len(before.chosen)), most)


def facts(comparison):
    stored = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    return stored | {"table": comparison.table.tolist()}


def gained(comparison):
    return [one.gained for one in comparison.flips]


def lost(comparison):
    return [one.lost for one in comparison.flips]


def kappas(comparison):
    return [one.kappa for one in comparison.flips]


EXAMPLE = (
    [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.4, 0.6]],
    [[0.8, 0.2], [0.3, 0.7], [0.2, 0.8], [0.1, 0.9]],
)


def test_the_worked_example_of_the_docstring():
    found = compared("one_of", *EXAMPLE, labels=[("bad", "good")] * 2)
    assert found.table.tolist() == [[1, 1], [0, 2]]
    assert (found.changed, found.agreement, found.kappa) == (1, 0.75, 0.5)
    assert (gained(found), lost(found)) == ([0, 1], [1, 0])
    assert [(row.id, round(row.change, 6)) for row in found.moved] == [
        ("r1", 0.3),
        ("r3", 0.3),
        ("r0", 0.1),
    ]
    assert (found.moved[0].before, found.moved[0].after) == (("bad",), ("good",))


def test_any_of_counts_each_label_by_itself():
    found = compared("any_of", [[0.9, 0.1, 0], [0.9, 0.9, 0]], [[0.9, 0.8, 0], [0.2, 0.9, 0]])
    assert found.table.tolist() == [[[0, 0], [1, 1]], [[0, 1], [0, 1]], [[2, 0], [0, 0]]]
    assert (gained(found), lost(found), found.changed) == ([0, 1, 0], [1, 0, 0], 2)
    assert kappas(found) == [0.0, 0.0, 1.0]
    assert found.kappa == 0.0  # c is never given, and says nothing
    assert [(row.id, round(row.change, 6)) for row in found.moved] == [("r0", 0.7), ("r1", 0.7)]


def test_a_label_that_only_one_of_the_two_knows_is_not_given_by_the_other():
    found = compared("any_of", [[0.9]], [[0.9, 0.8]], labels=[("a",), ("a", "x")])
    assert (found.labels, gained(found)) == (("a", "x"), [0, 1])
    assert found.moved[0].after == ("a", "x")
    crossed = compared("one_of", [[0.9, 0.1]], [[0.3, 0.7]], labels=[("a", "b"), ("b", "a")])
    assert (crossed.labels, crossed.changed, crossed.table.tolist()) == (
        ("a", "b"),
        0,
        [[1, 0], [0, 0]],
    )


@given(MODES, VALUES)
def test_the_same_answers_never_flip(mode, values):
    found = compared(mode, values[0], values[0])
    assert (found.changed, found.kappa, found.agreement, found.moved) == (0, 1.0, 1.0, ())
    assert gained(found) == lost(found) == [0, 0, 0]


@given(MODES, VALUES, st.lists(st.integers(0, 12)), st.integers(1, 5))
def test_chunk_by_chunk_is_the_same_as_all_at_once(mode, values, cuts, most):
    rows = values.shape[1]
    ends = sorted({0, rows, *(cut for cut in cuts if cut < rows)})
    pieces = [
        compare(
            mode,
            predictions(mode, values[0, low:high]),
            predictions(mode, values[1, low:high]),
            rows_of(low, high),
            most,
        )
        for low, high in pairwise(ends)
    ]
    assume(pieces)
    assert facts(reduce(add, pieces)) == facts(compared(mode, *values, most))


@given(MODES, VALUES)
def test_turned_round_what_was_gained_is_lost_and_kappa_stays(mode, values):
    there, back = compared(mode, *values), compared(mode, *values[::-1])
    assert gained(there) == lost(back)
    assert there.kappa == pytest.approx(back.kappa)
    assert [row.change for row in there.moved] == [row.change for row in back.moved]


@given(MODES, VALUES)
def test_what_the_rows_say_is_what_the_table_says(mode, values):
    found = compared(mode, *values)
    was, now = (decide_labels(one, mode) for one in values)
    assert gained(found) == (~was & now).sum(axis=0).tolist()
    assert lost(found) == (was & ~now).sum(axis=0).tolist()
    assert found.changed == (was != now).any(axis=1).sum()


@given(VALUES)
def test_kappa_is_that_of_scikit_learn(values):
    was, now = (decide_labels(one, "one_of").argmax(axis=1) for one in values)
    assume(len({*was, *now}) > 1)  # of a single label scikit-learn makes NaN
    assert compared("one_of", *values).kappa == pytest.approx(cohen_kappa_score(was, now))
    given_before, given_after = (decide_labels(one, "any_of")[:, 0] for one in values)
    if len({*given_before, *given_after}) > 1:
        assert kappas(compared("any_of", *values))[0] == pytest.approx(
            cohen_kappa_score(given_before, given_after)
        )


def test_other_labels_in_other_chunks_add_up():
    left = compared("any_of", [[0.9]], [[0.9]], labels=[("a",)] * 2)
    right = compared("any_of", [[0.9]], [[0.1]], labels=[("x",)] * 2)
    assert (left + right).labels == ("a", "x")
    assert (left + right).table.tolist() == [[[1, 0], [0, 1]], [[1, 0], [1, 0]]]
    plain = compared("one_of", [[1]], [[1]], labels=[("a",)] * 2) + compared(
        "one_of", [[1]], [[1]], labels=[("x",)] * 2
    )
    assert plain.table.tolist() == [[1, 0], [0, 1]]


def test_kappa_of_nothing_and_of_a_hundred_million_rows():
    assert cohen_kappa(np.zeros((2, 2), dtype=np.int64)) == 1.0
    assert cohen_kappa(np.array([[49, 1], [1, 49]], dtype=np.int64) * 10**10) == pytest.approx(0.96)

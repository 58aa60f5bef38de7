"""Batches of texts, padded and packed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.transformer.batches import make_batches, pad_batch, split_by_tokens, split_by_width

lengths_of = st.lists(st.integers(0, 300), max_size=200).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)
budgets = st.integers(1, 2000)


@given(lengths_of, budgets)
def test_every_row_is_in_exactly_one_batch(lengths, budget):
    rows = [row for batch in make_batches(lengths, budget) for row in batch.rows]
    assert sorted(rows) == list(range(len(lengths)))


@given(lengths_of, budgets)
def test_a_batch_keeps_to_the_budget_unless_it_is_a_single_row(lengths, budget):
    for batch in make_batches(lengths, budget):
        assert len(batch.rows) * batch.width <= budget or len(batch.rows) == 1


@given(lengths_of, budgets)
def test_a_batch_is_as_wide_as_its_longest_row(lengths, budget):
    for batch in make_batches(lengths, budget):
        assert batch.width == max(1, lengths[batch.rows].max())


@given(lengths_of, budgets)
def test_no_batch_has_room_for_the_next_row(lengths, budget):
    made = make_batches(lengths, budget)
    for batch in made[:-1]:
        assert (len(batch.rows) + 1) * batch.width > budget


@given(lengths_of, budgets)
def test_rows_are_sorted_longest_first_and_equal_lengths_keep_their_order(lengths, budget):
    rows = [row for batch in make_batches(lengths, budget) for row in batch.rows]
    assert rows == sorted(range(len(lengths)), key=lambda row: -lengths[row])


def test_the_example_in_the_docstring_is_correct():
    first, second = make_batches(np.array([5, 40, 6, 38]), budget=80)
    assert (first.rows.tolist(), first.width) == ([1, 3], 40)
    assert (second.rows.tolist(), second.width) == ([2, 0], 6)


def test_texts_are_padded_to_the_width_and_the_padding_is_masked():
    (batch,) = make_batches(np.array([3, 1]), budget=100)
    ids, mask = pad_batch([[7, 8, 9], [9]], batch, pad=5)
    assert ids.tolist() == [[7, 8, 9], [9, 5, 5]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


longest_first = st.lists(st.integers(1, 300), max_size=200).map(
    lambda lengths: np.array(sorted(lengths)[::-1], np.int64)
)


@given(longest_first, budgets, st.sampled_from([split_by_tokens, split_by_width]))
def test_splitting_leaves_no_text_out(lengths, budget, split):
    assert [text for texts in split(lengths, budget) for text in texts] == list(range(len(lengths)))


@given(longest_first, budgets)
def test_a_range_of_packed_texts_keeps_to_the_budget_unless_it_is_a_single_text(lengths, budget):
    for texts in split_by_tokens(lengths, budget):
        assert lengths[texts.start : texts.stop].sum() <= budget or len(texts) == 1


@given(longest_first, budgets)
def test_a_range_of_padded_texts_keeps_to_the_budget_unless_it_is_a_single_text(lengths, budget):
    for texts in split_by_width(lengths, budget):
        assert len(texts) * lengths[texts.start] <= budget or len(texts) == 1


def test_packed_batches_are_about_the_same_size():
    lengths = np.full(101, 10, np.int64)
    assert [10 * len(texts) for texts in split_by_tokens(lengths, 1000)] == [510, 500]
    assert split_by_tokens(np.array([9, 8, 3, 3, 3, 2, 1]), 20) == [range(2), range(2, 7)]

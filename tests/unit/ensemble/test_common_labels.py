"""Which labels of two sides can be compared."""

from hypothesis import given
from hypothesis import strategies as st

from ensemble.common_labels import common_labels

labels = st.lists(st.sampled_from("abcd"), unique=True).map(tuple)


@given(labels, labels)
def test_labels_of_one_of_are_compared_as_a_whole(before, after):
    same = set(before) == set(after)
    assert common_labels("one_of", before, after) == (before if same else ())


@given(labels, labels)
def test_labels_of_any_of_are_compared_where_both_sides_have_them(before, after):
    assert set(common_labels("any_of", before, after)) == set(before) & set(after)

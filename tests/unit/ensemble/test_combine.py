"""Soft voting: the probabilities of an answer, and the agreement of its members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ensemble.combine import Vote, soft_vote


def vote(weight, labels, *rows):
    return Vote(weight, tuple(labels), np.array(rows, dtype=np.float32))


def test_the_worked_example_of_the_docstring():
    answer = soft_vote(
        "one_of", [vote(1, ["bad", "good"], [0.9, 0.1]), vote(3, ["bad", "good"], [0.3, 0.7])]
    )
    assert answer.probabilities[0] == pytest.approx([0.45, 0.55])
    assert answer.chosen.tolist() == [[False, True]]
    assert answer.agreement[0] == pytest.approx(0.75)


def test_members_may_list_their_labels_in_different_order():
    straight = soft_vote("one_of", [vote(1, "ab", [0.8, 0.2]), vote(1, "ab", [0.6, 0.4])])
    crossed = soft_vote("one_of", [vote(1, "ab", [0.8, 0.2]), vote(1, "ba", [0.4, 0.6])])
    assert crossed.labels == ("a", "b")
    assert crossed.probabilities.tolist() == straight.probabilities.tolist()


def test_a_label_that_one_member_alone_knows_is_decided_by_that_member():
    answer = soft_vote(
        "any_of", [vote(1, ["price"], [0.9]), vote(1, ["price", "cafe"], [0.3, 0.8])]
    )
    assert answer.labels == ("price", "cafe")
    assert answer.probabilities[0] == pytest.approx([0.6, 0.8])
    assert answer.chosen.tolist() == [[True, True]]


def test_members_that_find_nothing_where_nothing_is_found_agree():
    answer = soft_vote("any_of", [vote(1, "ab", [0.1, 0.2]), vote(1, "ab", [0.3, 0.0])])
    assert not answer.chosen.any()
    assert answer.agreement.tolist() == [1.0]


def test_no_rows_give_no_answers():
    answer = soft_vote("one_of", [Vote(1.0, ("a", "b"), np.empty((0, 2), dtype=np.float32))])
    assert answer.probabilities.shape == (0, 2)


probabilities = hnp.arrays(np.float32, (7, 3), elements=st.floats(0, 1, width=32))
weights = st.floats(0.01, 100)
votes = st.lists(
    st.builds(lambda w, p: Vote(w, ("a", "b", "c"), p), weights, probabilities),
    min_size=1,
    max_size=4,
)


@given(votes, st.sampled_from(["one_of", "any_of"]))
def test_an_answer_lies_between_its_members_probabilities(members, mode):
    answer = soft_vote(mode, members)
    stacked = np.stack([member.probabilities for member in members])
    assert (answer.probabilities >= stacked.min(axis=0) - 1e-6).all()
    assert (answer.probabilities <= stacked.max(axis=0) + 1e-6).all()
    assert ((answer.agreement >= 0) & (answer.agreement <= 1 + 1e-6)).all()
    if mode == "one_of":
        assert (answer.chosen.sum(axis=1) == 1).all()


@given(st.lists(probabilities, min_size=1, max_size=1), weights)
def test_a_single_member_is_the_answer_and_agrees_with_itself(members, weight):
    answer = soft_vote("any_of", [Vote(weight, ("a", "b", "c"), members[0])], threshold=0.25)
    assert np.allclose(answer.probabilities, members[0], atol=1e-6)
    assert (answer.agreement[(answer.chosen == (members[0] >= 0.25)).all(axis=1)] == 1).all()


@given(votes, st.floats(0.1, 10))
def test_only_the_ratio_of_the_weights_counts(members, factor):
    scaled = [
        Vote(member.weight * factor, member.labels, member.probabilities) for member in members
    ]
    assert np.allclose(
        soft_vote("any_of", members).probabilities,
        soft_vote("any_of", scaled).probabilities,
        atol=1e-6,
    )

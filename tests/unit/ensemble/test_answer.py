"""From members' scores to answers: the spec of a target chooses the method that combines them."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.answer import answer_targets
from ensemble.combine import METHODS, soft_vote
from ensemble.spec import Ensemble, Member, Target
from storage.records.scores import Scores

LABELS = ("bad", "good")


def scores(model, *rows):
    return Scores(model, 1, "digest", LABELS, np.array(rows, dtype=np.float32), {})


def ensemble(**changes):
    members = (Member(model="bow", weight=1), Member(model="minilm", weight=3))
    return Ensemble(targets=(Target(name="mood", mode="one_of", members=members, **changes),))


def most_confident(mode, votes, threshold):
    """Take each row's answer from the member with the highest single probability."""
    best = np.argmax([vote.probabilities.max(axis=1) for vote in votes], axis=0)  # [rows]
    stacked = np.stack([vote.probabilities for vote in votes])  # [members, rows, labels]
    chosen = stacked[best, np.arange(len(best))]
    return soft_vote(mode, [replace(votes[0], probabilities=chosen)], threshold)


SCORES = {
    "bow": scores("bow", [0.9, 0.1], [0.5, 0.5], [0.9, 0.1]),
    "minilm": scores("minilm", [0.3, 0.7], [0.2, 0.8], [0.4, 0.6]),
}


def test_members_vote_with_their_weights_unless_the_target_names_a_method():
    answer = answer_targets(ensemble(), SCORES, np.arange(3))["mood"]
    assert answer.probabilities[0] == pytest.approx([0.45, 0.55])
    assert answer.chosen.argmax(axis=1).tolist() == [1, 1, 0]


def test_rows_that_a_member_rejected_are_left_out():
    answer = answer_targets(ensemble(), SCORES, np.array([0, 2]))["mood"]
    assert answer.probabilities == pytest.approx(np.array([[0.45, 0.55], [0.525, 0.475]]))


def test_a_new_method_is_one_function_and_its_entry_in_the_table(monkeypatch):
    monkeypatch.setitem(METHODS, "most_confident", most_confident)
    spec = Ensemble.model_validate_json(ensemble(method="most_confident").model_dump_json())
    answer = answer_targets(spec, SCORES, np.arange(3))["mood"]
    assert answer.chosen.argmax(axis=1).tolist() == [0, 1, 0]


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ValidationError, match=r"no method 'median' to combine.*allowed: soft_vote"):
        ensemble(method="median")


def test_the_default_method_is_not_stored_so_that_the_version_before_reads_the_ensemble(
    monkeypatch,
):
    stored = ensemble().model_dump(mode="json")
    assert "method" not in stored["targets"][0]
    assert Ensemble.model_validate(stored).targets[0].method == "soft_vote"
    monkeypatch.setitem(METHODS, "most_confident", most_confident)
    stored = ensemble(method="most_confident").model_dump(mode="json")
    assert stored["targets"][0]["method"] == "most_confident"

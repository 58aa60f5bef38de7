"""Methods that combine the members' probabilities into labels. Pure: arrays in, arrays out.

A new method is one function with the signature of `soft_vote`, and its entry in `METHODS`; an
ensemble's target names it (`method = "soft_vote"`).

A worked example of soft voting, one_of, labels (bad, good), one row:

    member   weight   bad   good   votes for
    bow      1        0.9   0.1    bad
    minilm   3        0.3   0.7    good
    answer            0.45  0.55   good, score 0.55, agreement 0.75 (3 of 4 votes)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.records.decisions import Bool, Mode, decide_labels

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vote:
    """The probabilities of one member and its weight (> 0).

    `probabilities`: [rows, labels] float32 under its own labels.
    """

    weight: float
    labels: tuple[str, ...]
    probabilities: Float32


@dataclass(frozen=True)
class Answer:
    """The ensemble's answer to one target.

    `probabilities` [rows, labels] float32. `chosen` [rows, labels] bool: one true a row for one_of.
    `agreement` [rows] float32 in 0..1: the weighted share of the members that give this answer on
    their own.
    """

    mode: Mode
    labels: tuple[str, ...]
    probabilities: Float32
    chosen: Bool
    agreement: Float32


def all_labels(votes: Sequence[Vote]) -> tuple[str, ...]:
    """Return every label that any member knows, in the order of first mention."""
    return tuple(dict.fromkeys(label for vote in votes for label in vote.labels))


def soft_vote(mode: Mode, votes: Sequence[Vote], threshold: float = 0.5) -> Answer:
    """Return the weighted mean of the members' probabilities (soft voting), label by label.

    A label's mean is taken over the members that know it. `chosen` is the most probable label (the
    first of equals) for one_of, and every label of at least `threshold` for any_of. Agreement
    counts, for one_of, the votes whose own first choice is the answer; for any_of, how far each
    member's own labels match the answer's among those it knows (Jaccard index; 1 where both are
    empty).

    Sums run in float64 in the order of `votes`, which is the spec's: the result does not depend on
    the order in which scores arrive.
    """
    labels = all_labels(votes)
    rows = votes[0].probabilities.shape[0]
    total = np.zeros((rows, len(labels)), dtype=np.float64)  # [rows, labels]
    weight = np.zeros(len(labels), dtype=np.float64)  # [labels]
    for vote in votes:
        columns = [labels.index(label) for label in vote.labels]
        total[:, columns] += vote.weight * vote.probabilities.astype(np.float64)
        weight[columns] += vote.weight
    probabilities = (total / weight).astype(np.float32)
    chosen = decide_labels(probabilities, mode, threshold)
    agreement = np.zeros(rows, dtype=np.float64)
    for vote in votes:
        columns = [labels.index(label) for label in vote.labels]
        own = decide_labels(vote.probabilities, mode, threshold)
        agreement += vote.weight * _jaccard(own, chosen[:, columns])
    agreement /= sum(vote.weight for vote in votes)
    return Answer(mode, labels, probabilities, chosen, agreement.astype(np.float32))


def _jaccard(own: Bool, answer: Bool) -> npt.NDArray[np.float64]:
    """Return each row's Jaccard index, [rows, labels] bool twice -> [rows] float64.

    For one-hot rows it is 1 where they are equal, else 0.
    """
    shared = (own & answer).sum(axis=1)
    either = (own | answer).sum(axis=1)
    return np.where(either == 0, 1.0, shared / np.maximum(either, 1))


Method = Callable[[Mode, Sequence[Vote], float], Answer]

METHODS: dict[str, Method] = {"soft_vote": soft_vote}
DEFAULT_METHOD = "soft_vote"

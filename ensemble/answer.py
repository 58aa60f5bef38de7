"""From the members' scores of a chunk to the ensemble's answer to each target. Pure."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ensemble.combine import METHODS, Answer, Vote
from ensemble.spec import Ensemble, Target
from storage.records.scores import Scores

Rows = npt.NDArray[np.int64]


def answer_targets(
    ensemble: Ensemble, scores: Mapping[str, Scores], rows: Rows
) -> dict[str, Answer]:
    """Return target name → answer for these rows of the chunk, [n] positions.

    `scores` is by model name and holds every member's.
    """
    return {target.name: answer_target(target, scores, rows) for target in ensemble.targets}


def answer_target(target: Target, scores: Mapping[str, Scores], rows: Rows) -> Answer:
    """Combine the members' scores of these rows, [n] positions, by the target's method."""
    votes = [
        Vote(member.weight, scores[member.model].labels, scores[member.model].values[rows])
        for member in target.members
    ]
    return METHODS[target.method](target.mode, votes, target.threshold)

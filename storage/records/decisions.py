"""The labels that probabilities give: one rule for a model and for an ensemble. Pure."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from storage.records.scores import Float32

Bool = npt.NDArray[np.bool_]
Mode = Literal["one_of", "any_of"]


def decide_labels(values: Float32, mode: Mode, threshold: float = 0.5) -> Bool:
    """Return the given labels, [rows, labels] float32 -> [rows, labels] bool.

    one_of: the most probable label (the first of equals), one true a row. any_of: every label of at
    least `threshold`.
    """
    if mode == "any_of":
        return values >= np.float32(threshold)
    given = np.zeros(values.shape, dtype=np.bool_)
    given[np.arange(len(values)), values.argmax(axis=1)] = True
    return given

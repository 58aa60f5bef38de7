"""The decision from probabilities to labels, the same for a model and an ensemble. Pure."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from storage.records.scores import Float32

Bool = npt.NDArray[np.bool_]
Mode = Literal["one_of", "any_of"]


def decide_labels(values: Float32, mode: Mode, threshold: float = 0.5) -> Bool:
    """Return the labels that each row is given: [rows, labels] float32 -> [rows, labels] bool.

    one_of: the most probable label, the first of equals; exactly one True in each row. any_of:
    every label with a probability of at least `threshold`.
    """
    if mode == "any_of":
        return values >= np.float32(threshold)
    given = np.zeros(values.shape, dtype=np.bool_)
    given[np.arange(len(values)), values.argmax(axis=1)] = True
    return given

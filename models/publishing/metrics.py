"""Metrics of probabilities on rows whose true labels are known. Pure functions on NumPy arrays.

F1 of a label = 2 TP / (2 TP + FP + FN), and 0 where the label was neither true nor given. Macro is
the mean over the labels; micro takes TP, FP and FN over all labels together.
"""

import numpy as np

from models.interface.manifest import Mode
from storage.records.decisions import Bool, decide_labels
from storage.records.scores import Float32


def compute_metrics(values: Float32, truth: Bool, mode: Mode) -> dict[str, float]:
    """Return the metrics by name, each from 0 to 1; `values` are float32 [rows, labels].

    One-of: accuracy, macro_f1. Any-of: micro_f1, macro_f1, exact_match (rows with every label
    right). A row without values (NaN), which the model could not score, is given no label.
    """
    given = decide_labels(values, mode) & np.isfinite(values).all(axis=1, keepdims=True)
    hits = (given & truth).sum(axis=0)
    misses = (given ^ truth).sum(axis=0)  # false positives and false negatives
    macro = float(np.mean(2 * hits / np.maximum(2 * hits + misses, 1)))
    exact = float((given == truth).all(axis=1).mean())
    if mode == "one_of":
        return {"accuracy": exact, "macro_f1": macro}
    micro = float(2 * hits.sum() / max(2 * hits.sum() + misses.sum(), 1))
    return {"micro_f1": micro, "macro_f1": macro, "exact_match": exact}

"""Bow models without scikit-learn, for tests of many workers: with `install`, a process answers by the first letter."""

import numpy as np

from models.bow import BowScorer


def install():
    """From now on, in this process, whatever the artifacts hold."""
    BowScorer.load = lambda _: None
    BowScorer.infer = _infer


def _infer(_, prepared):
    good = np.array([text.startswith("g") for text in prepared], dtype=np.float32)
    return np.stack([1 - good, good], axis=1)

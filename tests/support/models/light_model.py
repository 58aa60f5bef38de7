"""Bow models without scikit-learn, for tests of many workers: labels follow from the first letter.

The environment may name a brake, a file with which a test stops in the middle of a job: while the
file exists, the first chunks of a process are scored at once, and all others take long.
"""

import itertools
import os
import time
from pathlib import Path
from threading import Lock

import numpy as np

from models.bow.sklearn_scorer import BowScorer

_FAST_CHUNKS = 6  # of each process
_BRAKE_SECONDS = 0.3  # for each chunk after those
_chunks, _brake_lock = itertools.count(), Lock()


def install():
    """Replace the bow models of this process, whatever their artifacts are."""
    BowScorer.load = lambda _: None
    BowScorer.infer = _infer


def _infer(_, prepared):
    brake = os.environ.get("LIGHT_BRAKE")
    if brake is not None and next(_chunks) >= _FAST_CHUNKS and Path(brake).exists():
        with _brake_lock:  # however many threads score
            time.sleep(_BRAKE_SECONDS)
    good = np.array([text.startswith("g") for text in prepared], dtype=np.float32)
    return np.stack([1 - good, good], axis=1)

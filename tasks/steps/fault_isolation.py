"""Fault isolation: find the rows that a model fails on, and score the others without them."""

from typing import Protocol

import numpy as np
import pyarrow as pa

from storage.records.scores import Float32
from tasks.steps.bisect_rows import bisect_bad_rows, max_bad_rows

_HARMLESS_TEXT = "This is a short and friendly text, and there is nothing wrong with it."


class IsolatedScoringFailed(Exception):
    """A failure of a model in its own process; the message is the reason, for people."""


class LoadedModel(Protocol):
    """A model version in memory, of this process or of one that was started for it."""

    digest: str
    labels: tuple[str, ...]

    def score(self, texts: pa.StringArray) -> Float32:
        """Return [rows, labels] float32 probabilities for [rows] strings.

        Raises whatever the model raises in this process, or IsolatedScoringFailed in its own.
        """
        ...


def score_isolating_faults(
    loaded: LoadedModel, texts: pa.StringArray
) -> tuple[Float32, dict[int, str]]:
    """Return the scores of [rows] strings, and the rejected rows with their reasons.

    The scores are [rows, labels] float32, NaN in the rejected rows. `loaded` has to be in a process
    of its own. Raises ModelAtFault, and what `loaded` raises except IsolatedScoringFailed.
    """
    values = np.full((len(texts), len(loaded.labels)), np.nan, dtype=np.float32)

    def try_rows(first: int, end: int) -> str | None:
        result = _try(loaded, texts.slice(first, end - first))
        if isinstance(result, str):
            return result
        values[first:end] = result
        return None

    def try_harmless_text() -> str | None:
        result = _try(loaded, pa.array([_HARMLESS_TEXT]))
        return result if isinstance(result, str) else None

    max_bad = max_bad_rows(len(texts))
    return values, bisect_bad_rows(len(texts), try_rows, try_harmless_text, max_bad)


def output_fault(values: Float32, rows: int, labels: int) -> str | None:
    """Return why these values cannot be the scores of so many texts; None if they can."""
    if values.shape != (rows, labels):
        return f"answered {list(values.shape)} values to {rows} texts under {labels} labels"
    if not np.isfinite(values).all():
        return "answered with values that are not finite"
    return None


def reason_for_log(reason: str) -> str:
    """Return what a log may say of such a reason: of an error its name, as it may quote a text.

    reason_for_log("ValueError: cannot read: the delivery was late") == "ValueError"
    """
    return reason.partition(":")[0]


def _try(loaded: LoadedModel, texts: pa.StringArray) -> Float32 | str:
    """Return the scores, or the reason why there are none."""
    try:
        values = loaded.score(texts)
    except IsolatedScoringFailed as error:
        return str(error)
    return output_fault(values, len(texts), len(loaded.labels)) or values

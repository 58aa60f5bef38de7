"""Scoring with care: the rows that a model cannot bear are found, and the others are scored without
them.
"""

from typing import Protocol

import numpy as np
import pyarrow as pa

from storage.records.scores import Float32
from tasks.steps.bisect_rows import bisect_bad_rows, max_bad_rows

_HARMLESS = "This is a short and friendly text, and there is nothing wrong with it."
_LONGEST = 300  # characters of a reason; an error can quote a whole text


class TextsFailed(Exception):
    """A model in a process of its own could not score these texts. Its text is the reason, for
    people.
    """


class LoadedModel(Protocol):
    """A model version in memory: of this process, or of one that was started for it."""

    digest: str
    labels: tuple[str, ...]

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities.

        Raises whatever the model raises in this process; TextsFailed where it has a process of its
        own.
        """
        ...


def score_isolating_faults(
    loaded: LoadedModel, texts: pa.StringArray
) -> tuple[Float32, dict[int, str]]:
    """[rows] strings -> [rows, labels] float32 probabilities, NaN in the rejected rows, and these
    with their reasons.

    `loaded` has to live in a process of its own. Raises NotTheRows, and what else it raises than
    TextsFailed.
    """
    values = np.full((len(texts), len(loaded.labels)), np.nan, dtype=np.float32)

    def works(first: int, end: int) -> str | None:
        found = _try(loaded, texts.slice(first, end - first))
        if isinstance(found, str):
            return found
        values[first:end] = found
        return None

    def control() -> str | None:
        found = _try(loaded, pa.array([_HARMLESS]))
        return found if isinstance(found, str) else None

    return values, bisect_bad_rows(len(texts), works, control, max_bad_rows(len(texts)))


def output_fault(values: Float32, rows: int, labels: int) -> str | None:
    """Why this cannot be the answer to so many texts; None if it can."""
    if values.shape != (rows, labels):
        return f"answered {list(values.shape)} values to {rows} texts under {labels} labels"
    if not np.isfinite(values).all():
        return "answered with values that are not finite"
    return None


def one_line_reason(error: BaseException) -> str:
    """An exception in one line."""
    said = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


def _try(loaded: LoadedModel, texts: pa.StringArray) -> Float32 | str:
    """The values, or the reason why there are none."""
    try:
        values = loaded.score(texts)
    except TextsFailed as error:
        return str(error)
    return output_fault(values, len(texts), len(loaded.labels)) or values

"""Texts with their true labels: models learn from them and are measured on them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.interface.manifest import Mode
from storage.errors import BadRequest
from storage.records.decisions import Bool

_MIN_EXAMPLES = 2  # rows with a label, and rows without it, among those that are learned from


class BadLabels(BadRequest):
    """Labels that a model cannot learn from."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their true labels."""

    texts: pa.StringArray  # [rows]
    truth: Bool  # [rows, labels]; one-of: exactly one label a row
    labels: tuple[str, ...]
    mode: Mode

    def take(self, rows: npt.NDArray[np.int64] | Bool) -> "LabelledTexts":
        """Return only these rows, by position or by mask."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return LabelledTexts(
            self.texts.take(pa.array(positions)), self.truth[positions], self.labels, self.mode
        )

    def __len__(self) -> int:
        return len(self.texts)


def build_labelled_texts(
    texts: Sequence[str],
    answers: Sequence[Sequence[str]],
    mode: Mode,
    labels: tuple[str, ...] | None = None,
) -> LabelledTexts:
    """Return texts with the labels of each; `labels` are the columns.

    By default the columns are the labels that occur, sorted. Raises BadLabels: an answer that is
    not one of the labels, or a one-of row with none or several.
    """
    labels = labels or tuple(sorted({label for answer in answers for label in answer}))
    columns = {label: column for column, label in enumerate(labels)}
    truth = np.zeros((len(texts), len(labels)), dtype=np.bool_)
    for row, answer in enumerate(answers):
        for label in answer:
            if label not in columns:
                raise BadLabels(
                    f"Row {row + 1} has the label {label!r}. The labels are {', '.join(labels)}."
                )
            truth[row, columns[label]] = True
    if mode == "one_of" and not (truth.sum(axis=1) == 1).all():
        row = int(np.flatnonzero(truth.sum(axis=1) != 1)[0])
        raise BadLabels(
            f"Row {row + 1} has {int(truth[row].sum())} labels, and a one-of target needs exactly "
            "one. Mend the row, or train an any-of model."
        )
    return LabelledTexts(pa.array(texts, pa.string()), truth, labels, mode)


def split(data: LabelledTexts, share: float) -> tuple[LabelledTexts, LabelledTexts]:
    """Return the rows to learn from, and about `share` of the rows that are held out."""
    mask = held_out_rows(data.texts, share)
    return data.take(~mask), data.take(mask)


def held_out_rows(texts: pa.StringArray, share: float) -> Bool:
    """Return a mask [rows] of about `share` of the rows, which follows from the texts alone.

    Equal texts, whatever their case and spaces, are always on the same side, also after rows were
    added.
    """
    return np.fromiter(
        (_hash_fraction(text) < share for text in texts.to_pylist()), np.bool_, len(texts)
    )


def _hash_fraction(text: str) -> float:
    """Return a number from 0 to 1 that follows from the text."""
    normalized = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.sha256(normalized.encode()).digest()[:8], "big") / 2**64


def check_learnable(data: LabelledTexts) -> None:
    """Raise BadLabels unless there are enough labels, and enough rows with and without each.

    A one-of target needs two labels or more, an any-of target one.
    """
    if len(data.labels) < (2 if data.mode == "one_of" else 1):
        labels = ", ".join(data.labels) or "none"
        raise BadLabels(f"A model needs more labels to tell apart. Found: {labels}.")
    counts = data.truth.sum(axis=0)
    rare = [
        label
        for label, count in zip(data.labels, counts, strict=True)
        if not _MIN_EXAMPLES <= count <= len(data) - _MIN_EXAMPLES
    ]
    if rare:
        raise BadLabels(
            f"Of {len(data)} rows to learn from, at least {_MIN_EXAMPLES} must have each label and "
            f"{_MIN_EXAMPLES} must not have it. That fails for: {', '.join(rare)}. Add examples, "
            "or leave the label out."
        )

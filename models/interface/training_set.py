"""Texts whose answers are known: what models learn from and are measured on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.interface.manifest import Mode
from storage.errors import BadRequest

BoolArray = npt.NDArray[np.bool_]
_LEAST = 2  # examples of a label, on the side that is learned from


class BadLabels(BadRequest):
    """The answers cannot be learned from."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their true labels."""

    texts: pa.StringArray  # [rows]
    truth: BoolArray  # [rows, labels]; one-of: exactly one label a row
    labels: tuple[str, ...]
    mode: Mode

    def take(self, rows: npt.NDArray[np.int64] | BoolArray) -> "LabelledTexts":
        """Only these rows, by position or by mask."""
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
    """Texts with the labels that hold for each; `labels` are the columns (the labels met, sorted,
    by default).

    Raises BadLabels: an answer that is not one of the labels, or a one-of row with none or several.
    """
    labels = labels or tuple(sorted({label for answer in answers for label in answer}))
    column = {label: position for position, label in enumerate(labels)}
    truth = np.zeros((len(texts), len(labels)), dtype=np.bool_)
    for row, answer in enumerate(answers):
        for label in answer:
            if label not in column:
                raise BadLabels(
                    f"Row {row + 1} has the label {label!r}. The labels are {', '.join(labels)}."
                )
            truth[row, column[label]] = True
    if mode == "one_of" and not (truth.sum(axis=1) == 1).all():
        row = int(np.flatnonzero(truth.sum(axis=1) != 1)[0])
        raise BadLabels(
            f"Row {row + 1} has {int(truth[row].sum())} labels, and a one-of target needs exactly one. "
            "Mend the row, or train an any-of model."
        )
    return LabelledTexts(pa.array(texts, pa.string()), truth, labels, mode)


def split(data: LabelledTexts, share: float) -> tuple[LabelledTexts, LabelledTexts]:
    """(the rest, about `share` of the rows), as `held_out` says."""
    mask = held_out_rows(data.texts, share)
    return data.take(~mask), data.take(mask)


def held_out_rows(texts: pa.StringArray, share: float) -> BoolArray:
    """[rows] whether a row is one of about `share` that are held out, which follows from its text
    alone.

    Equal texts, whatever their case and spaces, are never on both sides, today or after more rows
    are added.
    """
    return np.fromiter(
        (_place_of(text) < share for text in texts.to_pylist()), np.bool_, len(texts)
    )


def _place_of(text: str) -> float:
    """A number from 0 to 1 that follows from the text."""
    same = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.sha256(same.encode()).digest()[:8], "big") / 2**64


def check_learnable(data: LabelledTexts) -> None:
    """Raises BadLabels unless there are two labels or more (any-of: one) and each is met, and
    missed, often enough.
    """
    if len(data.labels) < (2 if data.mode == "one_of" else 1):
        found = ", ".join(data.labels) or "none"
        raise BadLabels(f"A model needs more labels to tell apart. Found: {found}.")
    met = data.truth.sum(axis=0)
    rare = [
        label
        for label, times in zip(data.labels, met, strict=True)
        if not _LEAST <= times <= len(data) - _LEAST
    ]
    if rare:
        raise BadLabels(
            f"Of {len(data)} rows to learn from, at least {_LEAST} must have each label and {_LEAST} must not have it. "
            f"That fails for: {', '.join(rare)}. Add examples, or leave the label out."
        )

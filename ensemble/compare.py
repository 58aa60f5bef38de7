"""Compare two predictions of the same rows: flipped labels, Cohen's kappa, rows that moved most.

Pure.

A worked example, one_of, labels (bad, good), four rows:

    row   before       after        change
    r1    0.9  0.1     0.8  0.2     0.1
    r2    0.6  0.4     0.3  0.7     0.3    bad becomes good
    r3    0.2  0.8     0.2  0.8     0
    r4    0.4  0.6     0.1  0.9     0.3

    table          after bad   after good
    before bad         1           1          changed 1 of 4: agreement 0.75
    before good        0           2          by chance (2·1 + 2·3) / 4² = 0.5

    kappa (0.75 - 0.5) / (1 - 0.5) = 0.5

r2 and r4 moved most, in this order. Kappa is Cohen's (A coefficient of agreement for nominal
scales, 1960), computed in whole numbers. The change of a row is the total variation distance for
one_of, half the sum of |before - after|; for any_of, where each label stands alone, the largest
|before - after|.

Comparisons add up: the comparison of some rows plus that of other rows is the comparison of all.
Its size does not depend on the number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from storage.records.decisions import Bool, Mode
from storage.records.scores import Float32

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """A model's or an ensemble's labels for some rows.

    A label that it does not know counts as not given, with a probability of 0.
    """

    labels: tuple[str, ...]
    probabilities: Float32  # [rows, labels]
    chosen: Bool  # [rows, labels]; one true a row for one_of

    def take(self, rows: Int64) -> "Predictions":
        """Return the predictions of these rows alone, [n] positions."""
        return Predictions(self.labels, self.probabilities[rows], self.chosen[rows])

    def select(self, labels: tuple[str, ...]) -> "Predictions":
        """Return the predictions of some of its labels alone."""
        columns = [self.labels.index(label) for label in labels]
        return Predictions(labels, self.probabilities[:, columns], self.chosen[:, columns])


@dataclass(frozen=True)
class RowIds:
    """Identity of the compared rows, all of one chunk."""

    customer: str
    dataset: str
    chunk: int
    numbers: Int64  # [rows] of each within the chunk
    ids: Sequence[str]  # [rows]


@dataclass(frozen=True)
class MovedRow:
    """A row whose probabilities changed; `before` and `after` are its labels."""

    change: float  # above 0, and 1 at most
    customer: str
    dataset: str
    chunk: int
    row: int
    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    probabilities_before: dict[str, float]
    probabilities_after: dict[str, float]

    @property
    def order(self) -> tuple[object, ...]:
        """Sort key: the largest change first; of equal changes, the first row."""
        return (-self.change, self.customer, self.dataset, self.chunk, self.row)


class LabelFlips(NamedTuple):
    """Counts of one label."""

    label: str
    gained: int  # rows that have it after, and did not before
    lost: int  # rows that had it before, and do not after
    kappa: float  # Cohen's kappa of given or not given


@dataclass(frozen=True, eq=False)
class Comparison:
    """Comparison of two predictions of the same rows."""

    mode: Mode
    labels: tuple[str, ...]  # of both, in the order of first mention
    # one_of: [before, after] rows; any_of: [labels, before, after] rows, 0 not given, 1 given
    table: Int64
    rows: int
    changed: int  # rows with another label, or another set of labels
    moved: tuple[MovedRow, ...]  # the `most` that moved most, in order
    most: int

    def __add__(self, other: "Comparison") -> "Comparison":
        """Return the comparison of the rows of both."""
        labels = tuple(dict.fromkeys((*self.labels, *other.labels)))
        most = max(self.most, other.most)
        return Comparison(
            mode=self.mode,
            labels=labels,
            table=self._table_of(labels) + other._table_of(labels),
            rows=self.rows + other.rows,
            changed=self.changed + other.changed,
            moved=tuple(islice(merge(self.moved, other.moved, key=lambda row: row.order), most)),
            most=most,
        )

    @property
    def share(self) -> float:
        """Share of the rows that changed, 0..1."""
        return self.changed / max(1, self.rows)

    @property
    def agreement(self) -> float:
        """Share of the rows with the same labels, 0..1; 1 where there are no rows."""
        return 1 - self.share

    @cached_property
    def flips(self) -> tuple[LabelFlips, ...]:
        """Flips of each label, in the order of `labels`."""
        return tuple(
            LabelFlips(label, int(table[0, 1]), int(table[1, 0]), cohen_kappa(table))
            for label, table in zip(self.labels, self._given, strict=True)
        )

    @property
    def kappa(self) -> float:
        """Cohen's kappa over the labels for one_of.

        For any_of the mean over the labels that are given at least once, 1 if none is.
        """
        if self.mode == "one_of":
            return cohen_kappa(self.table)
        kappas = [
            flips.kappa
            for flips, table in zip(self.flips, self._given, strict=True)
            if table[0, 0] < self.rows
        ]
        return sum(kappas) / len(kappas) if kappas else 1.0

    @cached_property
    def _given(self) -> Int64:
        """Counts [labels, before, after] of rows, 0 not given, 1 given."""
        if self.mode == "any_of":
            return self.table
        return _two_by_two(
            self.rows, self.table.sum(axis=1), self.table.sum(axis=0), self.table.diagonal()
        )

    def _table_of(self, labels: tuple[str, ...]) -> Int64:
        """Return the table under these labels, which include its own."""
        columns = [labels.index(label) for label in self.labels]
        if self.mode == "one_of":
            table = np.zeros((len(labels), len(labels)), dtype=np.int64)
            table[np.ix_(columns, columns)] = self.table
        else:
            table = np.zeros((len(labels), 2, 2), dtype=np.int64)
            table[:, 0, 0] = self.rows
            table[columns] = self.table
        return table


def compare(
    mode: Mode, before: Predictions, after: Predictions, rows: RowIds, most: int = 20
) -> Comparison:
    """Compare two predictions of the same rows, in the same order.

    `most`: how many of the moved rows the comparison keeps.
    """
    labels = tuple(dict.fromkeys((*before.labels, *after.labels)))
    # [rows, labels] 0 or 1
    given_before = _under(labels, before, before.chosen)
    given_after = _under(labels, after, after.chosen)
    if mode == "one_of":
        table = (given_before.T @ given_after).astype(np.int64)
    else:
        given_both = (given_before * given_after).sum(axis=0)
        table = _two_by_two(
            len(given_before), given_before.sum(axis=0), given_after.sum(axis=0), given_both
        )
    moves = _under(labels, after, after.probabilities) - _under(
        labels, before, before.probabilities
    )
    changes = (
        np.abs(moves).sum(axis=1) / 2 if mode == "one_of" else np.abs(moves).max(axis=1, initial=0)
    )
    first = np.lexsort((rows.numbers, -changes))[:most]
    return Comparison(
        mode=mode,
        labels=labels,
        table=table,
        rows=len(given_before),
        changed=int((given_before != given_after).any(axis=1).sum()),
        moved=tuple(
            _moved_row(before, after, rows, changes, row) for row in first if changes[row] > 0
        ),
        most=most,
    )


def cohen_kappa(table: Int64) -> float:
    """Return Cohen's kappa of a square table of counts: (observed - chance) / (1 - chance).

    Observed and chance agreement are shares of all rows. It is 1 where both give every row the same
    single label, for which the formula is undefined, and where there is no row.
    """
    rows, same = int(table.sum()), int(table.trace())
    chance = sum(
        int(before) * int(after)
        for before, after in zip(table.sum(axis=1), table.sum(axis=0), strict=True)
    )
    return (rows * same - chance) / (rows * rows - chance) if rows * rows > chance else 1.0


def _under(labels: tuple[str, ...], predictions: Predictions, values: Bool | Float32) -> Float64:
    """Return values [rows, own labels] as [rows, labels], 0 for labels that it does not know."""
    out = np.zeros((len(values), len(labels)), dtype=np.float64)
    out[:, [labels.index(label) for label in predictions.labels]] = values
    return out


def _two_by_two(
    rows: int, before: Int64 | Float64, after: Int64 | Float64, both: Int64 | Float64
) -> Int64:
    """Return [labels, before, after] counts, 0 not given, 1 given.

    `before`, `after` and `both` are [labels] counts of rows that have the label then.
    """
    table = np.array(
        [[rows - before - after + both, after - both], [before - both, both]], dtype=np.int64
    )
    return np.moveaxis(table, 2, 0)


def _moved_row(
    before: Predictions, after: Predictions, rows: RowIds, changes: Float64, row: int
) -> MovedRow:
    return MovedRow(
        change=float(changes[row]),
        customer=rows.customer,
        dataset=rows.dataset,
        chunk=rows.chunk,
        row=int(rows.numbers[row]),
        id=rows.ids[row],
        before=_labels(before, row),
        after=_labels(after, row),
        probabilities_before=_probabilities(before, row),
        probabilities_after=_probabilities(after, row),
    )


def _labels(predictions: Predictions, row: int) -> tuple[str, ...]:
    return tuple(
        label
        for label, chosen in zip(predictions.labels, predictions.chosen[row], strict=True)
        if chosen
    )


def _probabilities(predictions: Predictions, row: int) -> dict[str, float]:
    return {
        label: float(value)
        for label, value in zip(predictions.labels, predictions.probabilities[row], strict=True)
    }

"""How far two answers to the same rows differ: labels that flip, agreement beyond chance, rows that
moved most. Pure.

A worked example, one_of, labels (bad, good), four rows:

    row   before       after        change
    r1    0.9  0.1     0.8  0.2     0.1
    r2    0.6  0.4     0.3  0.7     0.3    bad becomes good
    r3    0.2  0.8     0.2  0.8     0
    r4    0.4  0.6     0.1  0.9     0.3

    table          after bad   after good
    before bad         1           1          changed 1 of 4: agreement 0.75
    before good        0           2          by chance (2·1 + 2·3) / 4² = 0.5: kappa (0.75 - 0.5) / (1 - 0.5) = 0.5

and r2, r4 moved most, in this order. Kappa is Cohen's (A coefficient of agreement for nominal
scales, 1960), in whole numbers. The change of a row is the total variation distance for one_of,
half the sum of |before - after|; for any_of, where each label stands alone, the largest |before -
after|.

Comparisons add up: that of some rows plus that of others is that of all, and no larger, however
many rows there were.
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
class Said:
    """One answer to some rows. Labels that it does not know count as not given, with a probability
    of 0.
    """

    labels: tuple[str, ...]
    probabilities: Float32  # [rows, labels]
    chosen: Bool  # [rows, labels]; one true a row for one_of

    def take(self, rows: Int64) -> "Said":
        """Of these rows alone, by position."""
        return Said(self.labels, self.probabilities[rows], self.chosen[rows])


@dataclass(frozen=True)
class Rows:
    """Which rows they are."""

    customer: str
    dataset: str
    chunk: int
    numbers: Int64  # [rows] of each within the chunk
    ids: Sequence[str]  # [rows]


@dataclass(frozen=True)
class Moved:
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
        """What moved most is the least; of equals, the first row."""
        return (-self.change, self.customer, self.dataset, self.chunk, self.row)


class Flips(NamedTuple):
    """Of one label."""

    label: str
    gained: int  # rows that have it after, and did not before
    lost: int  # rows that had it before, and do not after
    kappa: float  # Cohen's, of the label given or not


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two answers to the same rows."""

    mode: Mode
    labels: tuple[str, ...]  # all that either knows, in the order of first mention
    # one_of: [before, after] rows; any_of: [labels, before, after] rows, 0 not given, 1 given
    table: Int64
    rows: int
    changed: int  # rows with another label, or another set of labels
    moved: tuple[Moved, ...]  # the `most` that moved most, in order
    most: int

    def __add__(self, other: "Comparison") -> "Comparison":
        """Of the rows of both."""
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
        """Of the rows, those that changed."""
        return self.changed / max(1, self.rows)

    @property
    def agreement(self) -> float:
        """Of the rows, those with the same label or the same set of labels; 1 where there are none."""
        return 1 - self.share

    @cached_property
    def flips(self) -> tuple[Flips, ...]:
        """Label by label."""
        return tuple(
            Flips(label, int(table[0, 1]), int(table[1, 0]), cohen_kappa(table))
            for label, table in zip(self.labels, self._given, strict=True)
        )

    @property
    def kappa(self) -> float:
        """Over the labels of one_of; for any_of the mean over those labels that are ever given, 1
        if none is.
        """
        if self.mode == "one_of":
            return cohen_kappa(self.table)
        met = [
            one.kappa
            for one, table in zip(self.flips, self._given, strict=True)
            if table[0, 0] < self.rows
        ]
        return sum(met) / len(met) if met else 1.0

    @cached_property
    def _given(self) -> Int64:
        """[labels, before, after] rows, 0 not given, 1 given."""
        if self.mode == "any_of":
            return self.table
        return _two_by_two(
            self.rows, self.table.sum(axis=1), self.table.sum(axis=0), self.table.diagonal()
        )

    def _table_of(self, labels: tuple[str, ...]) -> Int64:
        """The table under these labels, which are its own and maybe others."""
        at = [labels.index(label) for label in self.labels]
        if self.mode == "one_of":
            table = np.zeros((len(labels), len(labels)), dtype=np.int64)
            table[np.ix_(at, at)] = self.table
        else:
            table = np.zeros((len(labels), 2, 2), dtype=np.int64)
            table[:, 0, 0] = self.rows
            table[at] = self.table
        return table


def compare(mode: Mode, before: Said, after: Said, rows: Rows, most: int = 20) -> Comparison:
    """Two answers to the same rows, in the same order."""
    labels = tuple(dict.fromkeys((*before.labels, *after.labels)))
    # [rows, labels] 0 or 1
    was, now = _under(labels, before, before.chosen), _under(labels, after, after.chosen)
    if mode == "one_of":
        table = (was.T @ now).astype(np.int64)
    else:
        table = _two_by_two(len(was), was.sum(axis=0), now.sum(axis=0), (was * now).sum(axis=0))
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
        rows=len(was),
        changed=int((was != now).any(axis=1).sum()),
        moved=tuple(_moved(before, after, rows, changes, at) for at in first if changes[at] > 0),
        most=most,
    )


def cohen_kappa(table: Int64) -> float:
    """Of a square table of counts: (observed - by chance) / (1 - by chance), agreements in shares
    of all.

    1 where both say the same one thing of every row, so that nothing is left for chance to miss,
    and where there is no row.
    """
    rows, same = int(table.sum()), int(table.trace())
    chance = sum(
        int(before) * int(after)
        for before, after in zip(table.sum(axis=1), table.sum(axis=0), strict=True)
    )
    return (rows * same - chance) / (rows * rows - chance) if rows * rows > chance else 1.0


def _under(labels: tuple[str, ...], said: Said, values: Bool | Float32) -> Float64:
    """[rows, own labels] -> [rows, labels], 0 for what it does not know."""
    out = np.zeros((len(values), len(labels)), dtype=np.float64)
    out[:, [labels.index(label) for label in said.labels]] = values
    return out


def _two_by_two(
    rows: int, before: Int64 | Float64, after: Int64 | Float64, both: Int64 | Float64
) -> Int64:
    """[labels] rows that have it before, after, and both times -> [labels, before, after], 0 not
    given, 1 given.
    """
    table = np.array(
        [[rows - before - after + both, after - both], [before - both, both]], dtype=np.int64
    )
    return np.moveaxis(table, 2, 0)


def _moved(before: Said, after: Said, rows: Rows, changes: Float64, at: int) -> Moved:
    return Moved(
        change=float(changes[at]),
        customer=rows.customer,
        dataset=rows.dataset,
        chunk=rows.chunk,
        row=int(rows.numbers[at]),
        id=rows.ids[at],
        before=_labels(before, at),
        after=_labels(after, at),
        probabilities_before=_probabilities(before, at),
        probabilities_after=_probabilities(after, at),
    )


def _labels(said: Said, at: int) -> tuple[str, ...]:
    return tuple(
        label for label, chosen in zip(said.labels, said.chosen[at], strict=True) if chosen
    )


def _probabilities(said: Said, at: int) -> dict[str, float]:
    return {
        label: float(value)
        for label, value in zip(said.labels, said.probabilities[at], strict=True)
    }

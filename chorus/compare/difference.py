"""Difference of two labellings: a comparison for each target and customer, summed by chunk."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from ensemble.compare import Comparison, MovedRow


@dataclass
class Difference:
    """Difference of two labellings of the same feedback, and how many rows were left out of it."""

    before: str
    after: str
    # target → customer → comparison
    targets: dict[str, dict[str, Comparison]] = field(default_factory=dict)
    rejected: int = 0  # rows that one of two model versions rejected
    only_before: int = 0  # rows that only the first of two jobs labelled
    only_after: int = 0  # rows that only the second labelled
    unshared: set[str] = field(default_factory=set)  # targets that only one of the two answers
    other_labels: set[str] = field(
        default_factory=set
    )  # targets whose labels have no common meaning
    # any_of target → labels that only one of the two has; they are not compared
    unshared_labels: dict[str, set[str]] = field(default_factory=dict)

    def add(self, target: str, customer: str, comparison: Comparison) -> None:
        """Add the comparison of further rows of a target and customer."""
        customers = self.targets.setdefault(target, {})
        customers[customer] = (
            customers[customer] + comparison if customer in customers else comparison
        )

    def leave_out_labels(self, target: str, labels: Iterable[str]) -> None:
        """Record labels of a target that only one of the two has."""
        if left_out := set(labels):
            self.unshared_labels.setdefault(target, set()).update(left_out)

    def overall(self, target: str) -> Comparison:
        """Return the comparison of all customers together."""
        return reduce(add, self.targets[target].values())

    @property
    def moved(self) -> Iterable[MovedRow]:
        """Rows that moved most, of every target."""
        return (row for target in self.targets for row in self.overall(target).moved)

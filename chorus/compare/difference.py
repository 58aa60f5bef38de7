"""What differs between two answers to stored feedback: sums for each target and customer, added up
chunk by chunk.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from ensemble.compare import Comparison, MovedRow


@dataclass
class Difference:
    """`targets`: target → customer → what differs. All else is what was left out, in rows."""

    before: str
    after: str
    targets: dict[str, dict[str, Comparison]] = field(default_factory=dict)
    rejected: int = 0  # by one of two model versions
    only_before: int = 0  # labelled by the first of two jobs alone
    only_after: int = 0
    unshared: set[str] = field(default_factory=set)  # targets that one of two jobs alone answers

    def add(self, target: str, customer: str, comparison: Comparison) -> None:
        customers = self.targets.setdefault(target, {})
        customers[customer] = (
            customers[customer] + comparison if customer in customers else comparison
        )

    def overall(self, target: str) -> Comparison:
        """Of all customers."""
        return reduce(add, self.targets[target].values())

    @property
    def moved(self) -> Iterable[MovedRow]:
        """The rows that moved most, of every target."""
        return (row for target in self.targets for row in self.overall(target).moved)

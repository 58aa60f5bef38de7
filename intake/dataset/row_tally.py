"""Counts of an upload's rows: rejected ones by reason, repeated ids, ids that were rounded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from intake.readers.block import Reject, RejectReason

# RE2: how a spreadsheet shows a number that is too long for it (5.70306E+17, 1,23E+15), and how it
# stores one: 15 digits are kept, and those after them become 0. A number of 18 digits ends in 000
# by chance in one of a thousand rows.
_ROUNDED_ID = r"^(?:\d(?:[.,]\d+)?[eE]\+\d{2,3}|[1-9]\d{14}0{3,})$"
_EXAMPLES = 3
_RAW_CHARS = 80  # of an example


@dataclass(frozen=True)
class RejectExample:
    """The number of rows that are rejected for a reason, and the first of them."""

    reason: str
    rows: int
    row: int  # number of the first one
    detail: str
    raw: str  # its beginning

    @classmethod
    def of(cls, reason: str, rows: int, row: int, detail: str, raw: str) -> Self:
        """Return the example of a record, of which only the beginning is kept."""
        return cls(reason, rows, row, detail, raw[:_RAW_CHARS])

    def describe(self) -> str:
        """Return the line for people."""
        raw = f": {self.raw!r}" if self.raw.strip() else ""
        return f"{self.reason}: {self.rows:,}, the first in row {self.row:,}, {self.detail}{raw}"


@dataclass
class RowTally:
    """The rows of an upload so far."""

    has_ids: bool  # False: the numbers of the rows are the ids
    rows: int = 0
    rounded: int = 0  # rows with an id that a spreadsheet rounded
    reasons: Counter[RejectReason] = field(default_factory=Counter)
    first_rejects: dict[RejectReason, Reject] = field(default_factory=dict)
    rounded_examples: dict[str, None] = field(default_factory=dict)
    repeated_examples: Counter[str] = field(default_factory=Counter)  # id → rows rejected for it

    def add(self, ids: pa.StringArray, rejects: Sequence[Reject]) -> None:
        """Count rows with these ids, none of them null, and rejected rows."""
        self.rows += len(ids) + len(rejects)
        for reject in rejects:
            self.reasons[reject.reason] += 1
            self.first_rejects.setdefault(reject.reason, reject)
            if reject.reason is RejectReason.DUPLICATE_ID and reject.id is not None:
                self._count_repeated(reject.id)
        if self.has_ids:
            self._count_rounded(ids)
            of_rejects = [reject.id for reject in rejects if reject.id is not None]
            self._count_rounded(pa.array(of_rejects, pa.string()))

    @property
    def repeated(self) -> int:
        """Number of rows rejected because a row before them has their id."""
        return self.reasons[RejectReason.DUPLICATE_ID]

    def reject_examples(self) -> list[RejectExample]:
        """Return an example for each reason, the most frequent reason first."""
        return [
            RejectExample.of(reason, rows, first.row, first.detail, first.raw)
            for reason, rows in self.reasons.most_common()
            for first in [self.first_rejects[reason]]
        ]

    def _count_repeated(self, id_: str) -> None:
        if id_ in self.repeated_examples or len(self.repeated_examples) < _EXAMPLES:
            self.repeated_examples[id_] += 1

    def _count_rounded(self, ids: pa.StringArray) -> None:
        if not len(ids):
            return
        rounded = pc.match_substring_regex(ids, _ROUNDED_ID)
        count = rounded.true_count
        self.rounded += count
        if count and len(self.rounded_examples) < _EXAMPLES:
            examples = ids.filter(rounded).unique().to_pylist()
            free = _EXAMPLES - len(self.rounded_examples)
            self.rounded_examples |= dict.fromkeys(examples[:free])

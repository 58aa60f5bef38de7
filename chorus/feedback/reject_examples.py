"""The rejects of a dataset for people: rows for each reason, with the first of them."""

from dataclasses import asdict, dataclass

import pyarrow.parquet as pq

from chorus.common.console import print_line
from storage.places.place import Place
from storage.records.feedback import Dataset, rejects_path

_COLUMNS = ["row", "reason", "detail", "raw"]
_RAW_CHARS = 80


@dataclass(frozen=True)
class RejectExample:
    """The number of rows that were rejected for a reason, and the first of them."""

    reason: str
    rows: int
    row: int  # number of the first one, from 1, header not counted
    detail: str
    raw: str  # its beginning

    def as_object(self) -> dict[str, object]:
        """Return it as an object of JSON."""
        return asdict(self)


def reject_examples(place: Place, dataset: Dataset) -> list[RejectExample]:
    """Return an example for each reason, the most frequent reason first. Raises Absent.

    The file of the rejects is read a group of rows at a time, until each reason was seen.
    """
    examples: dict[str, RejectExample] = {}
    if not dataset.rejected:
        return []
    path = rejects_path(dataset.customer, dataset.id)
    with place.local_file(path) as file, pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(columns=_COLUMNS):
            reasons = batch["reason"].to_pylist()
            for reason in dict.fromkeys(reasons):
                if reason not in examples:
                    first = batch.slice(reasons.index(reason), 1).to_pylist()[0]
                    rows = dataset.reasons.get(reason, 0)
                    raw = (first["raw"] or "")[:_RAW_CHARS]
                    examples[reason] = RejectExample(
                        reason, rows, first["row"], first["detail"], raw
                    )
            if len(examples) == len(dataset.reasons):
                break
    return sorted(examples.values(), key=lambda example: -example.rows)


def print_reject_examples(examples: list[RejectExample]) -> None:
    """Print a line for each reason."""
    for example in examples:
        raw = f": {example.raw!r}" if example.raw.strip() else ""
        print_line(
            f"  {example.reason}: {example.rows:,}, the first in row {example.row:,}, "
            f"{example.detail}{raw}"
        )

"""The rejects of a stored dataset for people: rows for each reason, with the first of them."""

import pyarrow.parquet as pq

from chorus.common.console import print_line
from intake.dataset.row_tally import RejectExample
from storage.places.place import Place
from storage.records.feedback import Dataset, rejects_path

_COLUMNS = ["row", "reason", "detail", "raw"]


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
                    [first] = batch.slice(reasons.index(reason), 1).to_pylist()
                    examples[reason] = RejectExample.of(
                        reason,
                        dataset.reasons.get(reason, 0),
                        first["row"],
                        first["detail"],
                        first["raw"] or "",
                    )
            if len(examples) == len(dataset.reasons):
                break
    return sorted(examples.values(), key=lambda example: -example.rows)


def print_reject_examples(examples: list[RejectExample]) -> None:
    """Print a line for each reason."""
    for example in examples:
        print_line(f"  {example.describe()}")

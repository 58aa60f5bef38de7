"""The rejects of a job by reason, and why nothing was labelled."""

from collections.abc import Mapping

from storage.records.feedback import MODEL_FAILED, Dataset
from storage.records.labelled_output import Manifest


def nothing_labelled(rows_in: int, reasons: Mapping[str, int]) -> str:
    """Return why a job has no labelled row."""
    return f"No row was labelled: all {rows_in:,} were rejected ({join_reasons(reasons)})."


def join_reasons(reasons: Mapping[str, int]) -> str:
    """Return reasons and rows as people read them: `no text 2, duplicate id 1`."""
    return ", ".join(f"{reason} {rows:,}" for reason, rows in reasons.items())


def reject_reasons(dataset: Dataset, manifest: Manifest) -> dict[str, int]:
    """Return reason → rows, of all rejected rows."""
    failed = sum(part.rows for part in manifest.rejected_parts)
    return {**dataset.reasons, **({MODEL_FAILED: failed} if failed else {})}

"""What became of the rows that were not labelled, for people."""

from collections import Counter

from storage.places.place import Place
from storage.records.feedback import MODEL_FAILED, Dataset
from storage.records.labelled_output import Manifest
from storage.tables import decode_parquet

_SHOWN = 5  # details, of which there can be as many as rows


def reject_reasons(dataset: Dataset, manifest: Manifest) -> dict[str, int]:
    """Reason → rows, of all that were rejected."""
    failed = sum(part.rows for part in manifest.rejected_parts)
    return {**dataset.reasons, **({MODEL_FAILED: failed} if failed else {})}


def rejected_by_models(output: Place, manifest: Manifest) -> list[tuple[str, int]]:
    """Which model could not score rows, why, and how many: the most common first, and only a few."""
    found: Counter[str] = Counter()
    for part in manifest.rejected_parts:
        found.update(decode_parquet(output.read(part.name), ["detail"])["detail"].to_pylist())
    return found.most_common(_SHOWN)

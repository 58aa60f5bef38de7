"""A preview of labelled output: its first rows, and the share of each label."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from ensemble.spec import Ensemble
from storage.places.concurrent import map_concurrently
from storage.places.place import Place
from storage.records.labelled_output import Manifest
from storage.tables import decode_parquet


@dataclass(frozen=True)
class Preview:
    """The first rows as column → value, and target → label → rows, the most common label first."""

    rows: list[dict[str, object]]
    shares: dict[str, dict[str, int]]


def read_preview(output: Place, manifest: Manifest, ensemble: Ensemble, rows: int = 5) -> Preview:
    """Read the label columns of every part, and all columns of the first `rows` rows."""
    targets = [target.name for target in ensemble.targets]
    first_rows: list[dict[str, object]] = []
    counts: dict[str, Counter[str]] = {target: Counter() for target in targets}
    for data in map_concurrently(output, lambda part: output.read(part.name), manifest.parts):
        if len(first_rows) < rows:
            first_rows += decode_parquet(data).slice(0, rows - len(first_rows)).to_pylist()
        labels = decode_parquet(data, targets)
        for target in targets:
            counts[target].update(_label_counts(labels[target]))
    shares = {target: dict(count.most_common()) for target, count in counts.items()}
    return Preview(first_rows, shares)


def _label_counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Return label → rows, for a column of labels or of lists of labels."""
    values = column.combine_chunks()
    if pa.types.is_list(values.type):
        values = values.flatten()
    return {str(pair["values"]): int(pair["counts"]) for pair in values.value_counts().to_pylist()}

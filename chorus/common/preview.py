"""A first look at a result: some rows, and the share of each label."""

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
    """`rows`: the first rows as column → value. `shares`: target → label → rows that got it, the
    most common first.
    """

    rows: list[dict[str, object]]
    shares: dict[str, dict[str, int]]


def preview(output: Place, manifest: Manifest, ensemble: Ensemble, rows: int = 5) -> Preview:
    """Reads part by part, only the label columns but for the first rows."""
    targets = [target.name for target in ensemble.targets]
    first: list[dict[str, object]] = []
    counts: dict[str, Counter[str]] = {target: Counter() for target in targets}
    for data in map_concurrently(output, lambda part: output.read(part.name), manifest.parts):
        if len(first) < rows:
            first += decode_parquet(data).slice(0, rows - len(first)).to_pylist()
        labels = decode_parquet(data, targets)
        for target in targets:
            counts[target].update(_flat(labels[target]))
    return Preview(first, {target: dict(count.most_common()) for target, count in counts.items()})


def _flat(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each label occurs, in a column of labels or of lists of labels."""
    values = column.combine_chunks()
    if pa.types.is_list(values.type):
        values = values.flatten()
    return {str(pair["values"]): int(pair["counts"]) for pair in values.value_counts().to_pylist()}

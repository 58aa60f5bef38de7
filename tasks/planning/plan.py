"""The plan of a job: what is missing? Starting, resuming, re-scoring and a dry run all ask this."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class CellId:
    """One chunk under one model version."""

    chunk: str
    model: str
    version: int


@dataclass(frozen=True)
class Plan:
    """`cells` to score, and `chunks` to reduce because every member has scored them."""

    cells: tuple[CellId, ...]
    chunks: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.cells and not self.chunks


def plan(
    chunks: Sequence[str],
    models: Sequence[tuple[str, int]],
    scored: Mapping[tuple[str, int], Set[str]],
    parts: Set[int],
) -> Plan:
    """Return what is missing, chunk by chunk in the order of the upload: the first parts are ready
    first.

    `chunks` are the ids of the dataset's chunks by position; `models` the (name, version) pairs of
    the job; `scored` the ids of the chunks that each has scored; `parts` the positions of written
    parts. Chunks of equal texts share their id and so their cells. A chunk whose part is written
    needs nothing more.
    """
    wanted = dict.fromkeys(chunk for position, chunk in enumerate(chunks) if position not in parts)
    cells: list[CellId] = []
    ready: list[str] = []
    for chunk in wanted:
        missing = [
            CellId(chunk, *model) for model in models if chunk not in scored.get(model, frozenset())
        ]
        cells += missing
        if not missing:
            ready.append(chunk)
    return Plan(tuple(cells), tuple(ready))

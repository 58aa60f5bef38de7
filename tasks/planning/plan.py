"""The plan of a job: the cells and parts that are missing.

Starting, resuming, reconciling and a dry run all use it.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from tasks.broker.step_messages import CellId


@dataclass(frozen=True)
class Plan:
    """The cells to score, and the chunks to reduce because every member has scored them."""

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
    """Return what is missing, in the order of the chunks: the first parts are ready first. Pure.

    `chunks`: ids of the dataset's chunks, by position. `models`: (name, version) of each member.
    `scored`: ids of the chunks that each of them has scored. `parts`: positions of written parts.
    Chunks of equal texts share their id and so their cells. A written chunk needs nothing more.
    """
    unwritten = dict.fromkeys(
        chunk for position, chunk in enumerate(chunks) if position not in parts
    )
    cells: list[CellId] = []
    ready: list[str] = []
    for chunk in unwritten:
        missing = [
            CellId(chunk, *model) for model in models if chunk not in scored.get(model, frozenset())
        ]
        cells += missing
        if not missing:
            ready.append(chunk)
    return Plan(tuple(cells), tuple(ready))

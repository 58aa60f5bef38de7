"""The remaining work of some jobs, in rows: cells to score, existing cells, parts to write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from storage.records.feedback import Chunk
from storage.records.labelled_output import ModelVersion
from tasks.planning.plan import plan
from tasks.planning.score_reuse import rows_to_score, scored_sources
from tasks.planning.stored_work import StoredWork


@dataclass(frozen=True)
class MissingScores:
    """The cells that one model version has to score."""

    model: ModelVersion
    cells: int  # to score
    existing: int  # cells that need no scoring: their scores exist, or can all be reused
    rows: int  # of the cells to score, without those whose scores can be reused
    chars: float | None  # of these rows; None where a chunk has no count


@dataclass(frozen=True)
class RemainingWork:
    """The remaining work of some jobs together: a cell that one needs exists for the next."""

    models: tuple[MissingScores, ...]
    parts: int  # to write
    rows: int  # of these parts


@dataclass
class _Count:
    """Counts for one model version: all chunks of the jobs, and the cells to score."""

    chunks: set[str] = field(default_factory=set)
    cells: int = 0
    rows: int = 0
    chars: float | None = 0.0

    def add(self, chunk: Chunk, rows: int) -> None:
        self.cells += 1
        self.rows += rows
        counted = self.chars is not None and chunk.chars
        self.chars = (self.chars or 0) + chunk.chars * rows / chunk.rows if counted else None


def remaining_work(works: Sequence[StoredWork]) -> RemainingWork:
    """Return the remaining work of these jobs, which run in this order. Pure.

    `works`: read with `partial_sources`.
    """
    counts: dict[ModelVersion, _Count] = {}
    scored: dict[ModelVersion, set[str]] = {}
    for work in works:
        for model in work.job.models:
            counts.setdefault(model, _Count()).chunks.update(work.dataset.positions)
            scored.setdefault(model, set()).update(work.scored[model])
    for work in works:
        models = {(model.name, model.version): model for model in work.job.models}
        chunks = [chunk.id for chunk in work.dataset.chunks]
        scored_by_version = {version: scored[model] for version, model in models.items()}
        for cell in plan(chunks, list(models), scored_by_version, work.parts).cells:
            model = models[cell.model, cell.version]
            chunk = work.dataset.chunks[work.dataset.positions[cell.chunk][0]]
            rows = rows_to_score(chunk, scored_sources(work.sources[chunk.id], scored[model]))
            if rows:
                counts[model].add(chunk, rows)
            scored[model].add(cell.chunk)
    unwritten = [chunk.rows for work in works for chunk in work.unwritten]
    return RemainingWork(tuple(_missing(counts)), len(unwritten), sum(unwritten))


def _missing(counts: Mapping[ModelVersion, _Count]) -> Iterable[MissingScores]:
    for model, count in counts.items():
        yield MissingScores(
            model, count.cells, len(count.chunks) - count.cells, count.rows, count.chars
        )

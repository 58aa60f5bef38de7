"""What is left to do of some jobs, in rows: cells to score, cells that are there, parts to write."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from storage.places.concurrent import side_by_side
from storage.places.place import Place
from storage.records import labelled_output
from storage.records.feedback import Chunk, Dataset
from storage.records.jobs import Job
from storage.records.labelled_output import ModelVersion
from storage.records.scores import scored_chunks
from tasks.planning.plan import plan
from tasks.planning.score_reuse import rows_to_score, source_chunk_ids


@dataclass(frozen=True)
class Missing:
    """What one model version has to score."""

    model: ModelVersion
    cells: int  # to score
    there: int  # cells that need no scoring: they are scored, or all of their texts are elsewhere
    rows: int  # of the cells to score, less those whose text was scored elsewhere
    chars: float | None  # of these rows; None where a chunk does not say


@dataclass(frozen=True)
class RemainingWork:
    """What is left of some jobs together: what one of them scores is there for the next."""

    models: tuple[Missing, ...]
    parts: int  # to write
    rows: int  # of these parts


@dataclass
class _Count:
    chunks: set[str] = field(default_factory=set)
    cells: int = 0
    rows: int = 0
    chars: float | None = 0.0

    def add(self, chunk: Chunk, rows: int) -> None:
        self.cells += 1
        self.rows += rows
        known = self.chars is not None and chunk.chars
        self.chars = (self.chars or 0) + chunk.chars * rows / chunk.rows if known else None


def remaining_work(place: Place, jobs: Iterable[tuple[Job, Dataset]]) -> RemainingWork:
    """What storage says is left of these jobs, in this order, which need not be written yet."""
    todo = list(side_by_side(place, lambda one: _Todo(place, *one), jobs))
    counts: dict[ModelVersion, _Count] = {}
    wanted: dict[ModelVersion, set[str]] = {}
    for one in todo:
        for model in one.job.models:
            counts.setdefault(model, _Count()).chunks.update(one.dataset.positions)
            wanted.setdefault(model, set()).update(
                one.lent, *(found.values() for found in one.lent.values())
            )
    found = side_by_side(
        place, lambda one: scored_chunks(place, one.name, one.version, wanted[one]), wanted
    )
    scored = dict(zip(wanted, found, strict=True))
    for one in todo:
        versions = {(model.name, model.version): model for model in one.job.models}
        there = {name: scored[model] for name, model in versions.items()}
        for cell in plan(
            [chunk.id for chunk in one.dataset.chunks], list(versions), there, one.parts
        ).cells:
            model = versions[cell.model, cell.version]
            chunk = one.dataset.chunks[one.dataset.positions[cell.chunk][0]]
            held = [
                donor for donor, lender in one.lent[chunk.id].items() if lender in scored[model]
            ]
            if rows := rows_to_score(chunk, held):
                counts[model].add(chunk, rows)
            scored[model].add(cell.chunk)
    unwritten = [chunk.rows for one in todo for chunk in one.unwritten]
    return RemainingWork(tuple(_missing(counts)), len(unwritten), sum(unwritten))


class _Todo:
    """One job: its chunks without a part, and where some of their texts may have been scored."""

    def __init__(self, place: Place, job: Job, dataset: Dataset) -> None:
        self.job, self.dataset = job, dataset
        self.parts = labelled_output.part_positions(job.output)
        self.unwritten = [
            chunk for position, chunk in enumerate(dataset.chunks) if position not in self.parts
        ]
        self.lent = source_chunk_ids(place, dataset.customer, self.unwritten)


def _missing(counts: Mapping[ModelVersion, _Count]) -> Iterable[Missing]:
    for model, count in counts.items():
        yield Missing(model, count.cells, len(count.chunks) - count.cells, count.rows, count.chars)

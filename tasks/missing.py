"""What is left to do of some jobs, in rows: cells to score, cells that are there, parts to write."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from storage import labelled
from storage.errors import ChorusError
from storage.feedback import Chunk, Dataset, Donor
from storage.jobs import Job
from storage.labelled import ModelVersion
from storage.place import Place
from storage.scores import scored_chunks
from tasks.lookup import dataset_named
from tasks.plan import plan


@dataclass(frozen=True)
class Missing:
    """What one model version has to score."""

    model: ModelVersion
    cells: int  # to score
    there: int  # cells that need no scoring: they are scored, or all of their texts are elsewhere
    rows: int  # of the cells to score, less those whose text was scored elsewhere
    chars: float | None  # of these rows; None where a chunk does not say


@dataclass(frozen=True)
class Left:
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


def left(place: Place, jobs: Iterable[tuple[Job, Dataset]]) -> Left:
    """What storage says is left of these jobs, in this order, which need not be written yet."""
    todo = [(job, dataset, labelled.part_positions(job.output)) for job, dataset in jobs]
    counts: dict[ModelVersion, _Count] = {}
    wanted: dict[ModelVersion, set[str]] = {}
    for job, dataset, parts in todo:
        ids = {chunk.id for chunk in dataset.chunks}
        missing = [chunk for position, chunk in enumerate(dataset.chunks) if position not in parts]
        homes = {_home(place, dataset.customer, donor) for chunk in missing for donor in chunk.donors}
        for model in job.models:
            counts.setdefault(model, _Count()).chunks.update(ids)
            wanted.setdefault(model, set()).update({chunk.id for chunk in missing}, filter(None, homes))
    scored = {model: scored_chunks(place, model.name, model.version, some) for model, some in wanted.items()}
    for job, dataset, parts in todo:
        versions = {(model.name, model.version): model for model in job.models}
        there = {name: scored[model] for name, model in versions.items()}
        for cell in plan([chunk.id for chunk in dataset.chunks], list(versions), there, parts).cells:
            model = versions[cell.model, cell.version]
            chunk = dataset.chunks[dataset.positions[cell.chunk][0]]
            held = [one for one in chunk.donors if _home(place, dataset.customer, one) in scored[model]]
            rows = rows_to_score(chunk, held)
            if rows:
                counts[model].add(chunk, rows)
            scored[model].add(cell.chunk)
    unwritten = [
        chunk.rows
        for _, dataset, parts in todo
        for position, chunk in enumerate(dataset.chunks)
        if position not in parts
    ]
    return Left(tuple(_missing(counts)), len(unwritten), sum(unwritten))


def rows_to_score(chunk: Chunk, held: Collection[Donor]) -> int:
    """Rows of a chunk that have to be scored, where the scores of the donors in `held` are there. Pure.

    How many rows no donor holds may be known. What each of them shares is an estimate; those of one dataset share
    different rows, those of several may share the same ones, so that the most of any dataset is sure.
    """
    if chunk.new is not None and len(held) == len(chunk.donors):
        return chunk.new
    shared: Counter[str] = Counter()
    for donor in held:
        shared[donor.dataset] += donor.shared
    return max(chunk.new or 0, chunk.rows - max(shared.values(), default=0))


def _missing(counts: Mapping[ModelVersion, _Count]) -> Iterable[Missing]:
    for model, count in counts.items():
        yield Missing(model, count.cells, len(count.chunks) - count.cells, count.rows, count.chars)


def _home(place: Place, customer: str, donor: Donor) -> str | None:
    """The id of the chunk that this is; None where it is gone, or cannot be read."""
    try:
        return dataset_named(place, customer, donor.dataset).chunks[donor.position].id
    except (ChorusError, IndexError):
        return None

"""What storage holds of jobs, read once: written parts and scored chunks.

The plan of a job, its progress and its forecast are computed from what was read.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace

from storage.places.concurrent import map_concurrently
from storage.places.place import Place
from storage.records.feedback import Chunk, Dataset, SourceChunk
from storage.records.jobs import Job
from storage.records.labelled_output import ModelVersion, part_positions
from storage.records.scores import scored_chunks
from tasks.board.job_facts import Progress
from tasks.planning.plan import Plan, plan
from tasks.planning.record_cache import dataset_of, job_of
from tasks.planning.score_reuse import reusable_chunks, source_chunk_ids


@dataclass(frozen=True)
class StoredWork:
    """The work on one job that storage held when it was read.

    `sources`: chunk id → source chunk → the id of the source chunk, of unwritten chunks. `scored`:
    ids of scored chunks, among the unwritten chunks and their sources.
    """

    job: Job
    dataset: Dataset
    parts: Set[int]  # positions of the written parts
    sources: Mapping[str, Mapping[SourceChunk, str]]
    scored: Mapping[ModelVersion, Set[str]]

    @property
    def unwritten(self) -> list[Chunk]:
        """Chunks without a part, by position."""
        chunks = enumerate(self.dataset.chunks)
        return [chunk for position, chunk in chunks if position not in self.parts]

    @property
    def chunk_ids(self) -> set[str]:
        """Chunks whose scores matter: unwritten ones and their sources."""
        sources = (ids.values() for ids in self.sources.values())
        return {chunk.id for chunk in self.unwritten}.union(*sources)

    def plan(self) -> Plan:
        """Return what is missing.

        A chunk whose scores can all be reused needs no worker: `reduce` copies them.
        """
        chunks = [chunk.id for chunk in self.dataset.chunks]
        without_work = {
            (model.name, model.version): self._chunks_without_work(model)
            for model in self.job.models
        }
        return plan(chunks, list(without_work), without_work, self.parts)

    def progress(self) -> Progress:
        """Return the progress that the board may not know yet or may have lost.

        As on the board, a chunk whose part is written counts as scored by every model.
        """
        counts = {}
        for model in self.job.models:
            without_work = self._chunks_without_work(model)
            counts[model.name] = len(self.parts) + sum(
                chunk.id in without_work for chunk in self.unwritten
            )
        return Progress("running", None, counts, len(self.parts))

    def _chunks_without_work(self, model: ModelVersion) -> Set[str]:
        """Return the ids of unwritten chunks that need no worker of this model."""
        scored = self.scored[model]
        return scored | reusable_chunks(self.unwritten, self.sources, scored)


def read_stored_work(
    place: Place, jobs: Iterable[tuple[Job, Dataset]], *, partial_sources: bool = False
) -> list[StoredWork]:
    """Read what storage holds of these jobs, which need not be written yet.

    `partial_sources`: read also which source chunks are scored that hold only some texts of a
    chunk, as a forecast needs. The scores of a model version are listed once for all jobs.
    """
    listed = list(
        map_concurrently(place, lambda pair: _list_parts(place, *pair, partial_sources), jobs)
    )
    chunks: dict[ModelVersion, set[str]] = {}
    for work in listed:
        for model in work.job.models:
            chunks.setdefault(model, set()).update(work.chunk_ids)
    scored = map_concurrently(
        place,
        lambda model: scored_chunks(place, model.name, model.version, chunks[model]),
        chunks,
    )
    scored_by_model = dict(zip(chunks, scored, strict=True))
    return [replace(work, scored=scored_by_model) for work in listed]


def read_work_of_job(place: Place, job_id: str) -> StoredWork:
    """Read what storage holds of a written job. Raises Absent, BadRecord."""
    job = job_of(place, job_id)
    [work] = read_stored_work(place, [(job, dataset_of(place, job))])
    return work


def _list_parts(place: Place, job: Job, dataset: Dataset, partial_sources: bool) -> StoredWork:
    """Return the stored work without scores."""
    work = StoredWork(job, dataset, part_positions(job.output), sources={}, scored={})
    with_sources = [chunk for chunk in work.unwritten if partial_sources or chunk.new == 0]
    return replace(work, sources=source_chunk_ids(place, dataset.customer, with_sources))

"""Score reuse: copy a model version's scores of equal texts from earlier chunks.

dataset.json names the source chunks of each chunk (the field `donors`): chunks of the customer's
earlier datasets that seem to have some of its texts. That is a hint. Texts are compared, and a
source chunk that is gone, damaged or scored by another version gives nothing.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently, run_both
from storage.places.place import Absent, Place
from storage.records import feedback, scores
from storage.records.feedback import Chunk, Dataset, SourceChunk
from storage.records.labelled_output import ModelVersion
from storage.records.scores import Scores
from tasks.planning.record_cache import dataset_named

RowIndices = npt.NDArray[np.int64]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReusedScores:
    """The scores of a chunk that exist already, in its source chunks."""

    scores: Scores | None  # of all rows, NaN in the missing ones; None: no row has scores
    missing_rows: RowIndices  # [n] ascending: rows without scores

    def merged_with(self, rest: Scores) -> Scores:
        """Return the scores of the whole chunk; `rest` are those of the missing rows."""
        if self.scores is None:
            return rest
        positions = np.arange(len(self.missing_rows))
        return _copy_scores(rest, positions, self.scores, self.missing_rows)


def reuse_scores(
    place: Place, dataset: Dataset, position: int, model: ModelVersion, texts: pa.StringArray
) -> ReusedScores:
    """Return the scores of a chunk's texts, [rows] strings, that its source chunks have."""
    chunk = dataset.chunks[position]
    reused: Scores | None = None
    missing_rows = np.arange(len(texts))
    for source in map_concurrently(
        place,
        lambda source_chunk: _source_scores(place, dataset.customer, source_chunk, model),
        chunk.donors,
    ):
        if source is None:
            continue
        scores, source_texts = source
        positions = pc.index_in(texts.take(pa.array(missing_rows)), source_texts)
        matches = positions.is_valid().to_numpy(zero_copy_only=False)
        if reused is None:
            empty = np.full((len(texts), len(scores.labels)), np.nan, np.float32)
            reused = replace(scores, values=empty, rejected={})
        reused = _copy_scores(
            scores, positions.drop_null().to_numpy(), reused, missing_rows[matches]
        )
        missing_rows = missing_rows[~matches]
        if len(missing_rows) <= (chunk.new or 0):
            break
    return ReusedScores(reused, missing_rows)


def complete_scores(
    place: Place,
    dataset: Dataset,
    position: int,
    model: ModelVersion,
    texts: pa.StringArray,
    score: Callable[[pa.StringArray], Scores],
) -> Scores:
    """Return the scores of a chunk's texts, [rows] strings.

    `score` computes those that no source chunk has, if any. Raises what `score` raises.
    """
    reused = reuse_scores(place, dataset, position, model, texts)
    if reused.scores is not None:
        rows = len(texts) - len(reused.missing_rows)
        fields = {
            "chunk": dataset.chunks[position].id,
            "model": model.name,
            "version": model.version,
        }
        log.info("scores of %d of %d rows reused", rows, len(texts), extra=fields)
        if not len(reused.missing_rows):
            return reused.scores
    return reused.merged_with(score(texts.take(pa.array(reused.missing_rows))))


def reuse_whole_chunk(
    place: Place, dataset: Dataset, position: int, model: ModelVersion
) -> Scores | None:
    """Return a chunk's scores if its source chunks have all of its texts. Raises Absent."""
    if dataset.chunks[position].new != 0:
        return None
    reused = reuse_scores(
        place, dataset, position, model, feedback.read_texts(place, dataset, position)
    )
    return None if len(reused.missing_rows) else reused.scores


def reusable_chunks(
    chunks: Iterable[Chunk], sources: Mapping[str, Mapping[SourceChunk, str]], scored: Set[str]
) -> set[str]:
    """Return the ids of chunks whose texts are all scored in their source chunks. Pure.

    `sources`: chunk id → source chunk → its id; `scored`: ids of scored chunks.
    """
    return {
        chunk.id
        for chunk in chunks
        if chunk.new == 0 and not rows_to_score(chunk, scored_sources(sources[chunk.id], scored))
    }


def scored_sources(sources: Mapping[SourceChunk, str], scored: Set[str]) -> list[SourceChunk]:
    """Return those source chunks whose ids are among the scored ones. Pure."""
    return [source for source, chunk_id in sources.items() if chunk_id in scored]


def rows_to_score(chunk: Chunk, sources: Collection[SourceChunk]) -> int:
    """Return how many rows of a chunk a model has to score. Pure.

    `sources`: the source chunks whose scores exist. How many rows no source chunk has may be known.
    The rows that a source chunk shares are an estimate; those of one dataset are different rows,
    those of several may be the same, so only the largest number of one dataset is sure.
    """
    if chunk.new is not None and len(sources) == len(chunk.donors):
        return chunk.new
    shared: Counter[str] = Counter()
    for source in sources:
        shared[source.dataset] += source.shared
    return max(chunk.new or 0, chunk.rows - max(shared.values(), default=0))


def source_chunk_ids(
    place: Place, customer: str, chunks: Iterable[Chunk]
) -> dict[str, dict[SourceChunk, str]]:
    """Return chunk id → its source chunks that exist, each with its own chunk id."""
    chunks = list(chunks)
    names = list(dict.fromkeys(source.dataset for chunk in chunks for source in chunk.donors))
    ids = dict(
        zip(
            names,
            map_concurrently(place, lambda name: _chunk_ids(place, customer, name), names),
            strict=True,
        )
    )
    return {
        chunk.id: {
            source: ids[source.dataset][source.position]
            for source in chunk.donors
            if source.position < len(ids[source.dataset])
        }
        for chunk in chunks
    }


def _chunk_ids(place: Place, customer: str, dataset: str) -> list[str]:
    """Return the chunk ids of a dataset; none if it cannot be read."""
    try:
        return [chunk.id for chunk in dataset_named(place, customer, dataset).chunks]
    except ChorusError:
        return []


def _source_scores(
    place: Place, customer: str, source: SourceChunk, model: ModelVersion
) -> tuple[Scores, pa.StringArray] | None:
    """Return the scores and texts of a source chunk; None if either cannot be read."""
    try:
        dataset = dataset_named(place, customer, source.dataset)
        chunk = dataset.chunks[source.position]
        stored, texts = run_both(
            place,
            lambda: scores.read(place, model, chunk.id, chunk.rows),
            lambda: feedback.read_texts(place, dataset, source.position),
        )
    except Absent:
        return None
    except (ChorusError, IndexError, pa.ArrowException) as error:
        log.warning(
            "no scores reused from chunk %d of dataset %s: %s",
            source.position,
            source.dataset,
            error,
        )
        return None
    return (stored, texts) if len(texts) == chunk.rows else None


def _copy_scores(source: Scores, positions: RowIndices, target: Scores, rows: RowIndices) -> Scores:
    """Return the target with the scores of these source positions in these rows."""
    values = target.values.copy()
    values[rows] = source.values[positions]
    rejected = dict(target.rejected)
    for position, row in (
        zip(positions.tolist(), rows.tolist(), strict=True) if source.rejected else ()
    ):
        if position in source.rejected:
            rejected[row] = source.rejected[position]
    return replace(target, values=values, rejected=rejected)

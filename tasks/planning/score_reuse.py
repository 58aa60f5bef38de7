"""Scores found again: what a model version has said of a text in an earlier chunk holds for it in
this one.

dataset.json names for each chunk its donors: chunks of earlier datasets of the same customer that
seem to hold some of its texts. That is a hint. A text is the same only if it is equal, and a donor
that is gone, damaged or scored by another model gives nothing.
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

Rows = npt.NDArray[np.int64]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReusedScores:
    """What is known of a chunk without asking the model."""

    scores: Scores | None  # of all rows, NaN in those that are left; None: no donor knows any
    missing_rows: Rows  # [n] ascending: nothing is known of these

    def merged_with(self, rest: Scores) -> Scores:
        """With the scores of the rows that were left, the whole chunk's."""
        return (
            rest
            if self.scores is None
            else _copy_scores(
                rest, np.arange(len(self.missing_rows)), self.scores, self.missing_rows
            )
        )


def reuse_scores(
    place: Place, dataset: Dataset, position: int, model: ModelVersion, texts: pa.StringArray
) -> ReusedScores:
    """What the donors of the chunk at this position know of its texts, [rows] strings, under this
    model version.
    """
    chunk = dataset.chunks[position]
    known: Scores | None = None
    left = np.arange(len(texts))
    for lent in map_concurrently(
        place, lambda donor: _source_scores(place, dataset.customer, donor, model), chunk.donors
    ):
        if lent is None:
            continue
        said, theirs = lent
        at = pc.index_in(texts.take(pa.array(left)), theirs)
        found = at.is_valid().to_numpy(zero_copy_only=False)
        if known is None:
            nothing = np.full((len(texts), len(said.labels)), np.nan, np.float32)
            known = replace(said, values=nothing, rejected={})
        known = _copy_scores(said, at.drop_null().to_numpy(), known, left[found])
        left = left[~found]
        if len(left) <= (chunk.new or 0):
            break
    return ReusedScores(known, left)


def complete_scores(
    place: Place,
    dataset: Dataset,
    position: int,
    model: ModelVersion,
    texts: pa.StringArray,
    score: Callable[[pa.StringArray], Scores],
) -> Scores:
    """The scores of the chunk at this position, [rows] strings; `ask` scores those that no donor
    knows, if any.

    Raises what `ask` raises.
    """
    known = reuse_scores(place, dataset, position, model, texts)
    if known.scores is not None:
        had = len(texts) - len(known.missing_rows)
        fields = {
            "chunk": dataset.chunks[position].id,
            "model": model.name,
            "version": model.version,
        }
        log.info("%d of %d rows had scores from earlier", had, len(texts), extra=fields)
        if not len(known.missing_rows):
            return known.scores
    return known.merged_with(score(texts.take(pa.array(known.missing_rows))))


def reuse_whole_chunk(
    place: Place, dataset: Dataset, position: int, model: ModelVersion
) -> Scores | None:
    """The scores of the chunk at this position, if its donors know all of its texts. Raises Absent."""
    if dataset.chunks[position].new != 0:
        return None
    known = reuse_scores(
        place, dataset, position, model, feedback.read_texts(place, dataset, position)
    )
    return None if len(known.missing_rows) else known.scores


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


def rows_to_score(chunk: Chunk, held: Collection[SourceChunk]) -> int:
    """Rows of a chunk that a model has to be asked for, where the scores of the donors in `held`
    are there. Pure.

    How many rows no donor holds may be known. What each of them shares is an estimate; those of one
    dataset share different rows, those of several may share the same ones, so that the most of any
    dataset is sure.
    """
    if chunk.new is not None and len(held) == len(chunk.donors):
        return chunk.new
    shared: Counter[str] = Counter()
    for donor in held:
        shared[donor.dataset] += donor.shared
    return max(chunk.new or 0, chunk.rows - max(shared.values(), default=0))


def source_chunk_ids(
    place: Place, customer: str, chunks: Iterable[Chunk]
) -> dict[str, dict[SourceChunk, str]]:
    """Chunk id → its donors that are there, each with the id of the chunk that it is."""
    chunks = list(chunks)
    names = list(dict.fromkeys(donor.dataset for chunk in chunks for donor in chunk.donors))
    ids = dict(
        zip(
            names,
            map_concurrently(place, lambda name: _chunk_ids(place, customer, name), names),
            strict=True,
        )
    )
    return {
        chunk.id: {
            donor: ids[donor.dataset][donor.position]
            for donor in chunk.donors
            if donor.position < len(ids[donor.dataset])
        }
        for chunk in chunks
    }


def _chunk_ids(place: Place, customer: str, dataset: str) -> list[str]:
    """None of a dataset that cannot be read."""
    try:
        return [chunk.id for chunk in dataset_named(place, customer, dataset).chunks]
    except ChorusError:
        return []


def _source_scores(
    place: Place, customer: str, donor: SourceChunk, model: ModelVersion
) -> tuple[Scores, pa.StringArray] | None:
    """What the model said of the donor, and the donor's texts; None if either cannot be had."""
    try:
        dataset = dataset_named(place, customer, donor.dataset)
        chunk = dataset.chunks[donor.position]
        said, texts = run_both(
            place,
            lambda: scores.read(place, model, chunk.id, chunk.rows),
            lambda: feedback.read_texts(place, dataset, donor.position),
        )
    except Absent:
        return None
    except (ChorusError, IndexError, pa.ArrowException) as error:
        log.warning(
            "nothing borrowed from chunk %d of dataset %s: %s", donor.position, donor.dataset, error
        )
        return None
    return (said, texts) if len(texts) == chunk.rows else None


def _copy_scores(source: Scores, positions: Rows, target: Scores, rows: Rows) -> Scores:
    """The target, with what the source says of these positions in these rows."""
    values = target.values.copy()
    values[rows] = source.values[positions]
    rejected = dict(target.rejected)
    for position, row in (
        zip(positions.tolist(), rows.tolist(), strict=True) if source.rejected else ()
    ):
        if position in source.rejected:
            rejected[row] = source.rejected[position]
    return replace(target, values=values, rejected=rejected)

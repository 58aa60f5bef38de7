"""Chunks of earlier datasets that hold the texts of an upload's chunks. Pure.

Each text is searched for in the newest dataset first, until two datasets have it: the scores of one
may be missing. Within a dataset the source chunks are chosen greedily, each time the one that holds
most of the rows that no chunk before it holds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intake.overlap.sample import ChunkTexts, TextSample, low_bits_zero
from storage.records.feedback import SourceChunk
from storage.records.sketch import Sketch, UInt64

MAX_SOURCE_CHUNKS = 64  # of one chunk
_DATASETS_PER_TEXT = 2  # in which a text is searched for
_MIN_SHARE = 256  # a chunk that holds less than one row of so many is not worth reading
_MIN_SAMPLED_TEXTS = 3  # shared texts of a sample that are evidence enough

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChunkMatch:
    """The source chunks of one chunk.

    `new_rows`: how many of its rows none of them holds; None where only samples were compared.
    """

    source_chunks: tuple[SourceChunk, ...]
    new_rows: int | None


def find_source_chunks(
    sample: TextSample, earlier: Iterable[tuple[str, Sketch]]
) -> list[ChunkMatch]:
    """Return the match of every chunk of the sample.

    `earlier`: (dataset, its sketch), the newest first; only as many as are needed are read.
    """
    matchers = [_ChunkMatcher(texts, sample.bits) for texts in sample.chunks]
    for dataset, sketch in earlier:
        index = _SketchIndex(dataset, sketch)
        for matcher in matchers:
            matcher.match(index)
        if not any(matcher.unmatched.any() for matcher in matchers):
            break
    return [ChunkMatch(tuple(matcher.source_chunks), matcher.new_rows) for matcher in matchers]


def shares_any(hashes: UInt64, sketch: Sketch) -> bool:
    """Return whether the sketch has any of these hashes."""
    return bool(_search(sketch, hashes)[1].any())


class _SketchIndex:
    """A sketch, indexed by chunk as well as by hash."""

    def __init__(self, dataset: str, sketch: Sketch) -> None:
        self.dataset, self.sketch = dataset, sketch
        order = sketch.chunks.argsort(kind="stable")
        self._hashes = sketch.hashes[order]
        self._ends = np.concatenate([[0], np.bincount(sketch.chunks).cumsum()])

    def chunk_has(self, position: int, hashes: UInt64) -> Mask:
        """Return [n] whether the chunk at this position has each of the [n] hashes."""
        if (
            not 0 <= position < len(self._ends) - 1
            or self._ends[position] == self._ends[position + 1]
        ):
            return np.zeros(len(hashes), np.bool_)
        of_chunk = self._hashes[self._ends[position] : self._ends[position + 1]]
        nearest = np.minimum(of_chunk.searchsorted(hashes), len(of_chunk) - 1)
        return np.asarray(of_chunk[nearest] == hashes)


class _ChunkMatcher:
    """Search for the source chunks of one chunk, one earlier dataset at a time."""

    def __init__(self, texts: ChunkTexts, bits: int) -> None:
        self.source_chunks: list[SourceChunk] = []
        self._texts, self._bits, self._exact = texts, bits, bits == 0
        # [n] the number of source chunks so far that hold each text
        self._sources_of_text = np.zeros(len(texts.hashes), np.uint8)
        self._min_shared = max(1, (int(texts.rows.sum()) << bits) // _MIN_SHARE)

    @property
    def unmatched(self) -> Mask:
        """[n] texts that are still to be searched for; none once there are enough sources."""
        return (self._sources_of_text < _DATASETS_PER_TEXT) & (
            len(self.source_chunks) < MAX_SOURCE_CHUNKS
        )

    @property
    def new_rows(self) -> int | None:
        """Number of rows that no source chunk holds; None where only samples were compared."""
        return int(self._texts.rows[self._sources_of_text == 0].sum()) if self._exact else None

    def match(self, index: _SketchIndex) -> None:
        """Add source chunks of another dataset."""
        bits = max(self._bits, index.sketch.bits)
        remaining = self.unmatched & low_bits_zero(self._texts.hashes, bits)
        added: set[int] = set()
        for position, shared in _greedy_cover(self._texts, remaining, index):
            worth_reading = self._is_worth_reading(shared, bits)
            if not worth_reading or len(self.source_chunks) == MAX_SOURCE_CHUNKS:
                break
            self._add(index, position, shared, bits)
            remaining &= ~shared
            added.add(position)
        if not bits:
            return
        # Rows keep their order, as a rule: of a chunk next to a source, one text in the sample is
        # evidence enough.
        for position in sorted({near for at in added for near in (at - 1, at + 1)} - added):
            shared = remaining & index.chunk_has(position, self._texts.hashes)
            if shared.any():
                self._add(index, position, shared, bits)
                remaining &= ~shared

    def _add(self, index: _SketchIndex, position: int, shared: Mask, bits: int) -> None:
        if len(self.source_chunks) < MAX_SOURCE_CHUNKS:
            self._sources_of_text[shared] += 1
            self._exact &= bits == 0
            rows = self._shared_rows(shared, bits)
            self.source_chunks.append(
                SourceChunk(dataset=index.dataset, position=position, shared=rows)
            )

    def _is_worth_reading(self, shared: Mask, bits: int) -> bool:
        """Return whether a chunk saves more than its reading costs: some rows, or the whole model.

        `shared`: [n] the texts that it holds and no source chunk of this dataset before it.
        """
        rows = self._shared_rows(shared, bits)
        if bits:
            return rows >= self._min_shared and int(shared.sum()) >= _MIN_SAMPLED_TEXTS
        without_source = self._sources_of_text == 0
        holds_the_rest = bool(without_source.any() and shared[without_source].all())
        return rows >= self._min_shared or holds_the_rest

    def _shared_rows(self, shared: Mask, bits: int) -> int:
        """Return the number of rows with these texts, estimated if `bits` is not 0."""
        return int(self._texts.rows[shared].sum()) << bits


def _greedy_cover(
    texts: ChunkTexts, searched: Mask, index: _SketchIndex
) -> Iterator[tuple[int, Mask]]:
    """Yield chunks of the other dataset, the best first.

    Each comes with its position and the searched texts [n] that it holds and none before it. A text
    votes for the first two chunks that hold it. Frequent texts are in many chunks; those in few
    decide.
    """
    sketch = index.sketch
    first, present = _search(sketch, texts.hashes)
    remaining = searched & present
    second = np.minimum(first + 1, max(0, len(sketch.hashes) - 1))
    in_second = remaining
    if remaining.any():
        in_second = remaining & (sketch.hashes[second] == texts.hashes)
    candidates, votes = np.unique(
        np.concatenate([sketch.chunks[first[remaining]], sketch.chunks[second[in_second]]]),
        return_inverse=True,
    )
    voters = np.concatenate([np.flatnonzero(remaining), np.flatnonzero(in_second)])
    while remaining.any():
        weights = texts.rows[voters] * remaining[voters]
        best = int(candidates[np.bincount(votes, weights).argmax()])
        shared = remaining & index.chunk_has(best, texts.hashes)
        yield best, shared
        remaining &= ~shared


def _search(sketch: Sketch, hashes: UInt64) -> tuple[npt.NDArray[np.int64], Mask]:
    """Return [n] where each of the [n] ascending hashes stands first in the sketch, and whether."""
    if not len(sketch.hashes):
        return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), np.bool_)
    positions = np.minimum(sketch.hashes.searchsorted(hashes), len(sketch.hashes) - 1)
    return positions, sketch.hashes[positions] == hashes

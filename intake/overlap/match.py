"""Which chunks of earlier datasets hold the texts of these chunks? Pure.

Each text is looked for in the newest dataset first, until two have it: the scores of one may be
missing. Within a dataset the chunks are taken greedily, each time the one that holds most of the
rows that no chunk before it holds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intake.overlap.sample import ChunkTexts, TextSample, low_bits_zero
from storage.records.feedback import SourceChunk
from storage.records.sketch import Sketch, UInt64

MAX_SOURCE_CHUNKS = 64  # of a chunk
_HOMES = 2  # datasets in which a text is looked for
_LEAST = 256  # a donor that holds less than one row of so many is not worth its reading
_FEWEST = 3  # texts of a sample that say something

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChunkMatch:
    """The donors of one chunk, and how many of its rows none of them holds; None where only samples
    are known.
    """

    source_chunks: tuple[SourceChunk, ...]
    new_rows: int | None


def find_source_chunks(
    sample: TextSample, earlier: Iterable[tuple[str, Sketch]]
) -> list[ChunkMatch]:
    """Of every chunk of the sample. `earlier`: (dataset, its sketch), the newest first; only as
    many as are needed.
    """
    chunks = [_ChunkMatcher(texts, sample.bits) for texts in sample.chunks]
    for dataset, sketch in earlier:
        grouped = _SketchIndex(dataset, sketch)
        for chunk in chunks:
            chunk.match(grouped)
        if not any(chunk.wanted.any() for chunk in chunks):
            break
    return [ChunkMatch(tuple(chunk.donors), chunk.new) for chunk in chunks]


def shares_any(sample: UInt64, sketch: Sketch) -> bool:
    """Whether the sketch has any of these hashes."""
    return bool(_positions(sketch, sample)[1].any())


class _SketchIndex:
    """A sketch in which a chunk's hashes are found as fast as a hash's chunks."""

    def __init__(self, dataset: str, sketch: Sketch) -> None:
        self.dataset, self.sketch = dataset, sketch
        order = sketch.chunks.argsort(kind="stable")
        self._hashes = sketch.hashes[order]
        self._ends = np.concatenate([[0], np.bincount(sketch.chunks).cumsum()])

    def holds(self, position: int, hashes: UInt64) -> Mask:
        """[n] -> [n] whether the chunk at this position has each."""
        if (
            not 0 <= position < len(self._ends) - 1
            or self._ends[position] == self._ends[position + 1]
        ):
            return np.zeros(len(hashes), np.bool_)
        there = self._hashes[self._ends[position] : self._ends[position + 1]]
        return np.asarray(there[np.minimum(there.searchsorted(hashes), len(there) - 1)] == hashes)


class _ChunkMatcher:
    """One chunk of ours while its donors are looked for."""

    def __init__(self, texts: ChunkTexts, bits: int) -> None:
        self.donors: list[SourceChunk] = []
        self._texts, self._bits, self._exact = texts, bits, bits == 0
        self._homes = np.zeros(len(texts.hashes), np.uint8)
        self._least = max(1, (int(texts.rows.sum()) << bits) // _LEAST)

    @property
    def wanted(self) -> Mask:
        """[n] the texts that are still to be looked for; none once there are enough donors."""
        return (self._homes < _HOMES) & (len(self.donors) < MAX_SOURCE_CHUNKS)

    @property
    def new(self) -> int | None:
        return int(self._texts.rows[self._homes == 0].sum()) if self._exact else None

    def match(self, other: _SketchIndex) -> None:
        """Take what the chunks of another dataset hold."""
        bits = max(self._bits, other.sketch.bits)
        rest = self.wanted & low_bits_zero(self._texts.hashes, bits)
        taken: set[int] = set()
        for position, held in _greedy(self._texts, rest, other):
            if not self._worth(held, bits) or len(self.donors) == MAX_SOURCE_CHUNKS:
                break
            self._take(other, position, held, bits)
            rest &= ~held
            taken.add(position)
        # Rows keep their order, as a rule: beside a donor, one text of a sample is enough of a
        # sign.
        for position in (
            sorted({near for at in taken for near in (at - 1, at + 1)} - taken) if bits else ()
        ):
            held = rest & other.holds(position, self._texts.hashes)
            if held.any():
                self._take(other, position, held, bits)
                rest &= ~held

    def _take(self, other: _SketchIndex, position: int, held: Mask, bits: int) -> None:
        if len(self.donors) < MAX_SOURCE_CHUNKS:
            self._homes[held] += 1
            self._exact &= bits == 0
            shared = int(self._texts.rows[held].sum()) << bits
            self.donors.append(SourceChunk(dataset=other.dataset, position=position, shared=shared))

    def _worth(self, held: Mask, bits: int) -> bool:
        """Whether it spares more than its reading costs: some rows, or the whole model."""
        shared = int(self._texts.rows[held].sum()) << bits
        if bits:
            return shared >= self._least and int(held.sum()) >= _FEWEST
        homeless = self._homes == 0
        return shared >= self._least or bool(homeless.any() and held[homeless].all())


def _greedy(texts: ChunkTexts, asked: Mask, other: _SketchIndex) -> Iterator[tuple[int, Mask]]:
    """Chunks of the other dataset, the best first, each with the texts [n] that it holds and none
    before it.

    A text votes for the first two chunks that hold it. Common ones are in many; those in few
    decide.
    """
    sketch = other.sketch
    at, there = _positions(sketch, texts.hashes)
    rest = asked & there
    nearby = np.minimum(at + 1, max(0, len(sketch.hashes) - 1))
    second = rest & (sketch.hashes[nearby] == texts.hashes) if rest.any() else rest
    homes, votes = np.unique(
        np.concatenate([sketch.chunks[at[rest]], sketch.chunks[nearby[second]]]),
        return_inverse=True,
    )
    voters = np.concatenate([np.flatnonzero(rest), np.flatnonzero(second)])
    while rest.any():
        best = int(homes[np.bincount(votes, texts.rows[voters] * rest[voters]).argmax()])
        held = rest & other.holds(best, texts.hashes)
        yield best, held
        rest &= ~held


def _positions(sketch: Sketch, hashes: UInt64) -> tuple[npt.NDArray[np.int64], Mask]:
    """[n] ascending -> [n] where each stands first in the sketch, and whether it does."""
    if not len(sketch.hashes):
        return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), np.bool_)
    at = np.minimum(sketch.hashes.searchsorted(hashes), len(sketch.hashes) - 1)
    return at, sketch.hashes[at] == hashes

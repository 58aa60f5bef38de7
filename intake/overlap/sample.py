"""The sample of an upload's texts that becomes its sketch. Pure.

It is collected chunk by chunk in bounded memory. It keeps the hashes whose low bits are zero
(FracMinHash). At first that is every hash; whenever there are too many, one more bit has to be
zero, and half of them go. So the samples of two uploads keep the same hashes of the texts that both
have, whatever else is in them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intake.overlap.text_hash import text_hashes
from storage.records.sketch import MAX_HASHES, Sketch, UInt64


@dataclass(frozen=True)
class ChunkTexts:
    """The distinct texts of one chunk, or a sample of them."""

    hashes: UInt64  # [n] ascending, each once
    rows: npt.NDArray[np.unsignedinteger]  # [n] in how many rows of the chunk each text stands

    def thin(self, bits: int) -> "ChunkTexts":
        """Return the texts whose low bits are zero."""
        sampled = low_bits_zero(self.hashes, bits)
        return ChunkTexts(self.hashes[sampled], self.rows[sampled])


def distinct_texts(texts: pa.StringArray) -> ChunkTexts:
    """Return all distinct texts of a chunk, [rows] strings."""
    hashes, rows = np.unique(text_hashes(texts), return_counts=True)
    # The smallest type that holds the counts: a byte each, as a rule.
    return ChunkTexts(hashes, rows.astype(np.min_scalar_type(rows.max(initial=0))))


def low_bits_zero(hashes: UInt64, bits: int) -> npt.NDArray[np.bool_]:
    """Return [n] whether each of the [n] hashes belongs to a sample of so many bits."""
    return np.asarray(hashes & np.uint64((1 << bits) - 1) == 0)


_KEPT_HASHES = 1 << 18  # are kept, however few the chunks; 9 MB of memory in the end
_HASHES_PER_CHUNK = 48  # above that: as much memory as the chunk's entry in dataset.json


class TextSample:
    """A sample of the texts of all chunks so far."""

    def __init__(self, min_bound: int = _KEPT_HASHES, max_bound: int = MAX_HASHES) -> None:
        """Keep up to `min_bound` hashes of few chunks, more of many, and at most `max_bound`."""
        self.bits = 0
        self.chunks: list[ChunkTexts] = []
        self._min_bound, self._max_bound, self._size = min_bound, max_bound, 0

    def add(self, texts: ChunkTexts) -> None:
        """Add the texts of the next chunk."""
        self.chunks.append(texts.thin(self.bits) if self.bits else texts)
        self._size += len(self.chunks[-1].hashes)
        while self._size > self._bound() and self.bits < 64:
            self.bits += 1
            self.chunks = [chunk.thin(self.bits) for chunk in self.chunks]
            self._size = sum(len(chunk.hashes) for chunk in self.chunks)

    def _bound(self) -> int:
        return min(self._max_bound, max(self._min_bound, _HASHES_PER_CHUNK * len(self.chunks)))

    def hashes(self) -> UInt64:
        """Return the hashes of all chunks, chunk by chunk."""
        return np.concatenate([np.zeros(0, np.uint64), *(chunk.hashes for chunk in self.chunks)])

    def sketch(self) -> Sketch:
        """Turn the sample into the sketch for later uploads.

        Its chunks are dropped, or their hashes would be in memory twice.
        """
        sizes, hashes = [len(chunk.hashes) for chunk in self.chunks], self.hashes()
        self.chunks.clear()
        chunks = np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes)
        order = hashes.argsort(kind="stable")
        hashes, chunks = hashes[order], chunks[order]
        return Sketch(self.bits, hashes, chunks)

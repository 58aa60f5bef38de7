"""The sample of an upload's texts that its sketch keeps, gathered chunk by chunk in bounded memory.
Pure.

Kept are the hashes whose low bits are zero (FracMinHash). At first that is every hash; whenever
there are too many, one more bit has to be zero, and half of them go. So two samples of two uploads
hold the same ones of the texts that both have, whatever else is in them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intake.overlap.text_hash import text_hashes
from storage.records.sketch import MOST, Sketch, UInt64


@dataclass(frozen=True)
class ChunkTexts:
    """The different texts of one chunk, or a sample of them."""

    hashes: UInt64  # [n] ascending, each once
    rows: npt.NDArray[np.unsignedinteger]  # [n] in how many rows of the chunk each stands

    def thin(self, bits: int) -> "ChunkTexts":
        """Those whose low bits are zero."""
        kept = low_bits_zero(self.hashes, bits)
        return ChunkTexts(self.hashes[kept], self.rows[kept])


def distinct_texts(texts: pa.StringArray) -> ChunkTexts:
    """All texts of a chunk, [rows] strings."""
    hashes, rows = np.unique(text_hashes(texts), return_counts=True)
    # a byte each, as a rule
    return ChunkTexts(hashes, rows.astype(np.min_scalar_type(rows.max(initial=0))))


def low_bits_zero(hashes: UInt64, bits: int) -> npt.NDArray[np.bool_]:
    """[n] -> [n] whether each belongs to the sample of so many bits."""
    return np.asarray(hashes & np.uint64((1 << bits) - 1) == 0)


_ALL = 1 << 18  # hashes: so many are kept, however few the chunks; 9 MB of memory in the end
_EACH = 48  # hashes a chunk, above that: as much memory as the chunk's entry in dataset.json


class TextSample:
    """Of all chunks so far."""

    def __init__(self, few: int = _ALL, most: int = MOST) -> None:
        """`few` hashes are kept in any case, of many chunks more, and never more than `most`."""
        self.bits = 0
        self.chunks: list[ChunkTexts] = []
        self._few, self._most, self._size = few, most, 0

    def add(self, texts: ChunkTexts) -> None:
        """The texts of the next chunk."""
        self.chunks.append(texts.thin(self.bits) if self.bits else texts)
        self._size += len(self.chunks[-1].hashes)
        while (
            self._size > min(self._most, max(self._few, _EACH * len(self.chunks)))
            and self.bits < 64
        ):
            self.bits += 1
            self.chunks = [chunk.thin(self.bits) for chunk in self.chunks]
            self._size = sum(len(chunk.hashes) for chunk in self.chunks)

    def hashes(self) -> UInt64:
        """Chunk by chunk."""
        return np.concatenate([np.zeros(0, np.uint64), *(chunk.hashes for chunk in self.chunks)])

    def sketch(self) -> Sketch:
        """What is kept for later uploads. The sample is given up for it, or it would be in memory
        twice.
        """
        sizes, hashes = [len(chunk.hashes) for chunk in self.chunks], self.hashes()
        self.chunks.clear()
        chunks = np.repeat(np.arange(len(sizes), dtype=np.uint32), sizes)
        order = hashes.argsort(kind="stable")
        hashes, chunks = hashes[order], chunks[order]
        return Sketch(self.bits, hashes, chunks)

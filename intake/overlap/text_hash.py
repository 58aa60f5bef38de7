"""64 bits for a text: the same in every process, on every machine, in every version. Pure.

A polynomial over its bytes, modulo 2^64, then mixed so that every bit depends on every byte. It is
no protection against somebody who looks for two texts with one hash: who relies on equal texts
compares the texts.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.records.sketch import UInt64

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse
_BLOCK = 1 << 16  # bytes that are hashed at once: they and their powers fit in a processor's cache


def text_hashes(texts: pa.StringArray) -> UInt64:
    """[rows] strings, none null -> [rows].

    The hashes of all texts come from one running sum over their bytes, in numpy, which takes a
    third of the time of a call for each text and leaves the interpreter to others meanwhile:

        sum[i] = byte[0] base^0 + … + byte[i-1] base^(i-1)     hash = (sum[end] - sum[start]) base^-start
    """
    _, offsets, data = texts.buffers()
    if not len(texts) or offsets is None:
        return np.zeros(0, np.uint64)
    ends = np.frombuffer(offsets, "<i4")[texts.offset : texts.offset + len(texts) + 1].astype(
        np.int64
    )
    values = np.frombuffer(b"" if data is None else data, np.uint8)
    sums = np.concatenate([_sums(values, ends[first : last + 1]) for first, last in _blocks(ends)])
    # with the length: a zero byte adds nothing to a sum
    return _mixed(sums + np.diff(ends).astype(np.uint64))


def _blocks(ends: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of the texts of each block: at least one text."""
    first = 0
    while first < len(ends) - 1:
        last = max(first + 1, int(ends.searchsorted(ends[first] + _BLOCK, "right")) - 1)
        yield first, last
        first = last


def _sums(values: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> UInt64:
    """The polynomials of the texts that lie between these ends."""
    size, starts = int(ends[-1] - ends[0]), ends - ends[0]
    powers, inverses = _powers(max(_BLOCK, 1 << (size - 1).bit_length()))
    running = np.zeros(size + 1, np.uint64)
    np.cumsum(powers[:size] * values[ends[0] : ends[-1]], out=running[1:])
    return np.asarray((running[starts[1:]] - running[starts[:-1]]) * inverses[starts[:-1]])


@lru_cache(2)
def _powers(most: int) -> tuple[UInt64, UInt64]:
    """base^0, base^1, … and their inverses, modulo 2^64, [most] each."""

    def of(base: int) -> UInt64:
        powers = np.full(most, base, np.uint64)
        powers[0] = 1
        return np.cumprod(powers, out=powers)

    return of(_BASE), of(pow(_BASE, -1, 1 << 64))


def _mixed(hashes: UInt64) -> UInt64:
    """Different ones stay different."""
    half, odd = np.uint64(32), np.uint64(0xD6E8FEB86659FD93)
    for _ in range(2):
        hashes ^= hashes >> half
        hashes *= odd
    return hashes ^ (hashes >> half)

"""The ids that an upload has had so far, in little memory however many there are."""

import io
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, MADV_DONTNEED, mmap

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]

_MERGE_FACTOR = 4  # runs of about one size are merged into one
MAX_IDS_IN_MEMORY = 1 << 16  # a longer run lies in temporary files
MERGE_SLICE = 1 << 16  # ids of each run that are merged at once


@dataclass(frozen=True)
class _HashRun:
    """Hashes of 96 bits, sorted by their first 32 bits.

    The first parts alone tell apart all but a few ids, so the second parts are seldom read.
    """

    first: UInt32  # [n] ascending
    second: Callable[[int, int], Int64]  # the second parts from one position to another

    def may_hold(self, first: UInt32) -> npt.NDArray[np.bool_]:
        """Return [m] whether the run has each of these [m] sorted first parts."""
        positions = self.first.searchsorted(first)
        return np.asarray(self.first[np.minimum(positions, len(self.first) - 1)] == first)

    def pairs(self, first: UInt32) -> set[tuple[int, int]]:
        """Return both parts of all hashes in the run that have one of these first parts."""
        starts = self.first.searchsorted(first)
        ends = self.first.searchsorted(first, "right")
        return {
            (part, other)
            for part, start, end in zip(first.tolist(), starts, ends, strict=True)
            for other in (self.second(start, end).tolist() if start < end else ())
        }


class SeenIds:
    """Ids, remembered by their hashes.

    A hash is SipHash-1-3 of the id alone and of the id after a salt, with keys drawn anew in each
    process. Two different ids count as one if all 96 bits agree. Without the keys such ids cannot
    be chosen on purpose, and by chance they are in one of 10^11 uploads of a billion rows
    (n^2 / 2^97 for n rows).

    The hashes lie in sorted runs, each some four times as long as the next (a log-structured merge
    tree), so that every lookup is a few binary searches for a whole block.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_hex(8)
        # level n has fewer than _MERGE_FACTOR runs of about _MERGE_FACTOR**n blocks
        self._levels: list[list[_HashRun]] = [[]]

    def add(self, ids: Sequence[str]) -> list[int]:
        """Remember the ids, and return the positions of the repeated ones.

        An id is repeated if it was added before or stands earlier among these.
        """
        if not ids:
            return []
        first = hash_ids(ids).astype(np.uint32)
        second = hash_ids([self._salt + id_ for id_ in ids])
        order = first.argsort(kind="stable")
        first, second = first[order], second[order]
        suspects = np.concatenate([first[1:] == first[:-1], [False]])
        suspects[1:] |= suspects[:-1]
        for run in self.runs():
            suspects |= run.may_hold(first)
        repeated = (
            self._repeated(order[suspects], first[suspects], second[suspects])
            if suspects.any()
            else []
        )
        fresh = ~np.isin(order, repeated) if repeated else slice(None)
        if len(repeated) < len(ids):
            self._insert(_HashRun(first[fresh], _in_memory(second[fresh])))
        return repeated

    def runs(self) -> list[_HashRun]:
        """Return every run that a lookup has to search."""
        return [run for level in self._levels for run in level]

    def _repeated(self, positions: Int64, first: UInt32, second: Int64) -> list[int]:
        seen = set().union(*(run.pairs(first) for run in self.runs()))
        repeated = []
        for position, *parts in sorted(
            zip(positions.tolist(), first.tolist(), second.tolist(), strict=True)
        ):
            if tuple(parts) in seen:
                repeated.append(position)
            seen.add(tuple(parts))
        return repeated

    def _insert(self, run: _HashRun) -> None:
        for level in self._levels:
            level.append(run)
            if len(level) < _MERGE_FACTOR:
                return
            run = _merge(level)
            level.clear()
        self._levels.append([run])


def hash_ids(ids: Sequence[str]) -> Int64:
    """Return [n] Python's own hash of each id, which is keyed."""
    return np.fromiter(map(hash, ids), np.int64, len(ids))


def _merge(runs: Sequence[_HashRun]) -> _HashRun:
    """Merge sorted runs into one, a slice at a time."""
    in_files = sum(len(run.first) for run in runs) > MAX_IDS_IN_MEMORY
    first, second = (
        tempfile.TemporaryFile(prefix="chorus-")  # noqa: SIM115 — closed below
        if in_files
        else io.BytesIO()
        for _ in range(2)
    )
    cuts = max(runs, key=lambda run: len(run.first)).first[MERGE_SLICE::MERGE_SLICE]
    edges = [[0, *run.first.searchsorted(cuts).tolist(), len(run.first)] for run in runs]
    for number in range(len(cuts) + 1):
        slices = [slice(edge[number], edge[number + 1]) for edge in edges]
        first_parts = np.concatenate(
            [run.first[part] for run, part in zip(runs, slices, strict=True)]
        )
        second_parts = np.concatenate(
            [run.second(part.start, part.stop) for run, part in zip(runs, slices, strict=True)]
        )
        order = first_parts.argsort(kind="stable")
        first.write(first_parts[order].data)
        second.write(second_parts[order].data)
    if isinstance(first, io.BytesIO) and isinstance(second, io.BytesIO):
        return _HashRun(
            np.frombuffer(first.getvalue(), np.uint32),
            _in_memory(np.frombuffer(second.getvalue(), np.int64)),
        )
    with first, second:
        first.flush()
        second.flush()
        mapped = mmap(second.fileno(), 0, access=ACCESS_READ)
        return _HashRun(np.memmap(first, np.uint32, "r"), _on_disk(mapped))


def _in_memory(second: Int64) -> Callable[[int, int], Int64]:
    return lambda start, end: second[start:end]


def _on_disk(second: mmap) -> Callable[[int, int], Int64]:
    def read(start: int, end: int) -> Int64:
        parts = np.frombuffer(second[8 * start : 8 * end], np.int64)
        second.madvise(MADV_DONTNEED)  # so that it takes no memory until the next read
        return parts

    return read

"""Which ids an upload has had so far, in little memory however many there are."""

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

_TOGETHER = 4  # runs of about one size are merged into one
MAX_IDS_IN_MEMORY = 1 << 16  # ids; a longer run lies in temporary files
MERGE_SLICE = 1 << 16  # ids of each run that are merged at once


@dataclass(frozen=True)
class _HashRun:
    """Ids as 96 bits each, in two parts of [n], sorted by the first, which is enough for all but a
    few.
    """

    first: UInt32
    # of the ids from one position to another: these are seldom looked at
    second: Callable[[int, int], Int64]

    def may_hold(self, first: UInt32) -> npt.NDArray[np.bool_]:
        """[m] sorted first parts -> [m] whether the run has an id with this one."""
        at = self.first.searchsorted(first)
        return np.asarray(self.first[np.minimum(at, len(self.first) - 1)] == first)

    def pairs(self, first: UInt32) -> set[tuple[int, int]]:
        """Both parts of all ids in the run that have one of these first parts."""
        spans = zip(
            self.first.searchsorted(first), self.first.searchsorted(first, "right"), strict=True
        )
        return {
            (part, other)
            for part, (start, end) in zip(first.tolist(), spans, strict=True)
            for other in (self.second(start, end).tolist() if start < end else ())
        }


class SeenIds:
    """Ids by their hashes: SipHash-1-3 with keys drawn anew in each process, of the id alone and
    after some salt.

    Two different ids count as one if all 96 bits agree. Nobody can choose ids for which they do,
    and by chance it happens in one of 10^11 uploads of a billion rows (n^2 / 2^97 for n rows). What
    was seen lies in sorted runs, each some four times as long as the next (a log-structured merge
    tree), so that every lookup is a few binary searches for a whole block.
    """

    def __init__(self) -> None:
        self._salt = secrets.token_hex(8)
        # level n has fewer than _TOGETHER runs of about _TOGETHER**n blocks
        self._levels: list[list[_HashRun]] = [[]]

    def add(self, ids: Sequence[str]) -> list[int]:
        """Remember the ids; positions of those that were there already, or stand earlier among
        these.
        """
        if not ids:
            return []
        first, second = hash_ids(ids).astype(np.uint32), hash_ids([self._salt + id_ for id_ in ids])
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
            self._keep(_HashRun(first[fresh], _in_memory(second[fresh])))
        return repeated

    def runs(self) -> list[_HashRun]:
        """What there is to be looked through."""
        return [run for level in self._levels for run in level]

    def _repeated(self, positions: Int64, first: UInt32, second: Int64) -> list[int]:
        known = set().union(*(run.pairs(first) for run in self.runs()))
        repeated = []
        for position, *pair in sorted(
            zip(positions.tolist(), first.tolist(), second.tolist(), strict=True)
        ):
            if tuple(pair) in known:
                repeated.append(position)
            known.add(tuple(pair))
        return repeated

    def _keep(self, run: _HashRun) -> None:
        for level in self._levels:
            level.append(run)
            if len(level) < _TOGETHER:
                return
            run = _merged(level)
            level.clear()
        self._levels.append([run])


def hash_ids(ids: Sequence[str]) -> Int64:
    """[n] Python's own hash of each, which is keyed."""
    return np.fromiter(map(hash, ids), np.int64, len(ids))


def _merged(runs: Sequence[_HashRun]) -> _HashRun:
    """One run of them all, merged a slice at a time."""
    long = sum(len(run.first) for run in runs) > MAX_IDS_IN_MEMORY
    first, second = (
        tempfile.TemporaryFile(prefix="chorus-")  # noqa: SIM115 — closed below
        if long
        else io.BytesIO()
        for _ in range(2)
    )
    cuts = max(runs, key=lambda run: len(run.first)).first[MERGE_SLICE::MERGE_SLICE]
    edges = [[0, *run.first.searchsorted(cuts).tolist(), len(run.first)] for run in runs]
    for at in range(len(cuts) + 1):
        slices = [slice(edge[at], edge[at + 1]) for edge in edges]
        some = np.concatenate([run.first[part] for run, part in zip(runs, slices, strict=True)])
        rest = np.concatenate(
            [run.second(part.start, part.stop) for run, part in zip(runs, slices, strict=True)]
        )
        order = some.argsort(kind="stable")
        first.write(some[order].data)
        second.write(rest[order].data)
    if isinstance(first, io.BytesIO) and isinstance(second, io.BytesIO):
        return _HashRun(
            np.frombuffer(first.getvalue(), np.uint32),
            _in_memory(np.frombuffer(second.getvalue(), np.int64)),
        )
    with first, second:
        first.flush()
        second.flush()
        return _HashRun(
            np.memmap(first, np.uint32, "r"), _on_disk(mmap(second.fileno(), 0, access=ACCESS_READ))
        )


def _in_memory(second: Int64) -> Callable[[int, int], Int64]:
    return lambda start, end: second[start:end]


def _on_disk(second: mmap) -> Callable[[int, int], Int64]:
    def read(start: int, end: int) -> Int64:
        found = np.frombuffer(second[8 * start : 8 * end], np.int64)
        second.madvise(MADV_DONTNEED)  # it takes no memory until it is looked at again
        return found

    return read

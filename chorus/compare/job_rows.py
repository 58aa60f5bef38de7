"""Two jobs' labelled rows, target by target, part by part."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np
import pyarrow as pa

from chorus.compare.difference import Difference
from ensemble.compare import Int64, RowIds, compare
from ensemble.rows import read_predictions
from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.decisions import Mode
from storage.records.jobs import Job
from storage.records.labelled_output import read_manifest
from storage.tables import decode_parquet
from tasks.planning.record_cache import ensemble_of

# of the second job in memory: two uploads of the same rows have them in much the same order
_PARTS = 4


class NotComplete(BadRequest):
    """A job that has not labelled all of its rows, or whose labels were pruned."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"Job {job} has no complete labels to compare. See `chorus status {job}`.")


class NoCommonDataset(BadRequest):
    """Two runs that labelled different feedback."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        super().__init__(
            f"{before} and {after} have no dataset in common, so no row can be compared."
        )


class NoCommonTarget(BadRequest):
    """Two jobs that answer different questions."""

    def __init__(self, before: "_Output", after: "_Output") -> None:
        self.before, self.after = before.job.id, after.job.id
        answered = (
            f"{output.job.id} answers {', '.join(f'{name} ({mode})' for name, mode in output.targets.items())}"
            for output in (before, after)
        )
        super().__init__(f"The two jobs have no target in common: {'; '.join(answered)}.")


class _Output:
    """The labelled rows of one complete job."""

    def __init__(self, place: Place, job: Job) -> None:
        """Raises NotComplete, Absent, BadRecord."""
        manifest = read_manifest(job.output)
        if manifest is None:
            raise NotComplete(job.id)
        self.job, self.rows = job, manifest.rows_labelled
        self.targets: dict[str, Mode] = {
            target.name: target.mode for target in ensemble_of(place, job).targets
        }
        self._parts = manifest.parts
        # the first row of each
        self.starts = np.array([0, *accumulate(part.rows for part in manifest.parts)])
        self.part = lru_cache(_PARTS)(self._part)

    def __len__(self) -> int:
        return len(self._parts)

    def _part(self, part: int) -> pa.Table:
        """What one part says to each target."""
        answers = [name for target in self.targets for name in (target, f"{target}_probabilities")]
        return self.read(part, ["id", *answers])

    def read(self, part: int, columns: list[str]) -> pa.Table:
        return decode_parquet(self.job.output.read(self._parts[part].name), columns)

    def numbers(self, part: int, rows: pa.Table) -> dict[str, int]:
        """Id → number of the row in the whole output, of the rows of one part."""
        return {
            name: int(self.starts[part]) + row for row, name in enumerate(rows["id"].to_pylist())
        }


def diff_jobs(
    place: Place,
    names: tuple[str, str],
    before: Sequence[Job],
    after: Sequence[Job],
    max_moved: int = 20,
) -> Difference:
    """What two jobs say of the same rows, or two runs of many jobs, which are compared dataset by
    dataset.

    The rows of one dataset are joined chunk by chunk. Those of two jobs on two datasets are joined
    by their ids, for which those of the second are held in memory, some 130 bytes a row. Raises
    NotComplete, NoCommonDataset, NoCommonTarget, Absent, BadRecord.
    """
    found = Difference(*names)
    ones, others = ({(job.customer, job.dataset): job for job in jobs} for jobs in (before, after))
    pairs = [(one, others[dataset]) for dataset, one in ones.items() if dataset in others]
    if len(ones) == len(others) == 1:
        pairs = [(before[0], after[0])]
    if not pairs:
        raise NoCommonDataset(*names)
    joined = sum(
        _add(found, _Output(place, one), _Output(place, other), max_moved) for one, other in pairs
    )
    found.only_before = sum(_Output(place, job).rows for job in before) - joined
    found.only_after = sum(_Output(place, job).rows for job in after) - joined
    return found


def _add(found: Difference, before: _Output, after: _Output, most: int) -> int:
    """What the two say of their common rows; how many these are."""
    if not before.targets.items() & after.targets.items():
        raise NoCommonTarget(before, after)
    found.unshared |= {name for name, _ in before.targets.items() ^ after.targets.items()}
    joined = 0
    for part, rows, other, partners in _partners(before, after):
        was, now = before.part(part), after.part(other)
        which = RowIds(
            before.job.customer, before.job.dataset, part, rows, was["id"].take(rows).to_pylist()
        )
        for target, mode in before.targets.items():
            if after.targets.get(target) == mode:
                said = (
                    read_predictions(was, target, mode).take(rows),
                    read_predictions(now, target, mode).take(partners),
                )
                found.add(target, before.job.customer, compare(mode, *said, which, most))
        joined += len(rows)
    return joined


def _partners(before: _Output, after: _Output) -> Iterator[tuple[int, Int64, int, Int64]]:
    """(part, its rows, part of the other, its rows): the same feedback, row by row."""
    same = (before.job.customer, before.job.dataset) == (after.job.customer, after.job.dataset)
    known: dict[str, int] = {}
    for other in () if same else range(len(after)):
        known |= after.numbers(other, after.read(other, ["id"]))
    for part in range(len(before)):
        known = after.numbers(part, after.part(part)) if same else known
        numbers = np.array(
            [known.get(name, -1) for name in before.part(part)["id"].to_pylist()], dtype=np.int64
        )
        rows = np.flatnonzero(numbers >= 0)
        parts = np.searchsorted(after.starts, numbers[rows], side="right") - 1
        for other in np.unique(parts):
            at = rows[parts == other]
            yield part, at, int(other), numbers[at] - after.starts[other]

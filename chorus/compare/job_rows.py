"""Comparison of the labelled rows of two jobs or two runs, part by part."""

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

# Parts of the second job in memory. Two uploads of the same rows have them in a similar order.
_CACHED_PARTS = 4


class NotComplete(BadRequest):
    """A job that has not labelled all of its rows, or whose labels were pruned."""

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(f"Job {job} has no complete labels to compare. See `chorus status {job}`.")


class NoCommonDataset(BadRequest):
    """Two runs that have no dataset in common."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        super().__init__(
            f"{before} and {after} have no dataset in common, so no row can be compared."
        )


class NoCommonTarget(BadRequest):
    """Two jobs that have no target in common."""

    def __init__(self, before: "_JobOutput", after: "_JobOutput") -> None:
        self.before, self.after = before.job.id, after.job.id
        answers = "; ".join(
            f"{output.job.id} answers {output.answers}" for output in (before, after)
        )
        super().__init__(f"The two jobs have no target in common: {answers}.")


class _JobOutput:
    """Labelled rows of one complete job, in parts of one chunk each."""

    def __init__(self, place: Place, job: Job) -> None:
        """Read the manifest of the job's output. Raises NotComplete, Absent, BadRecord."""
        manifest = read_manifest(job.output)
        if manifest is None:
            raise NotComplete(job.id)
        self.job, self.rows = job, manifest.rows_labelled
        self.targets: dict[str, Mode] = {
            target.name: target.mode for target in ensemble_of(place, job).targets
        }
        self._parts = manifest.parts
        # Number of the first row of each part, and last the number of all rows.
        self.starts = np.array([0, *accumulate(part.rows for part in manifest.parts)])
        self.part = lru_cache(_CACHED_PARTS)(self._read_part)

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self._parts)

    @property
    def answers(self) -> str:
        """Targets with their modes, for an error."""
        return ", ".join(f"{name} ({mode})" for name, mode in self.targets.items())

    def _read_part(self, part: int) -> pa.Table:
        """Read the ids, labels and probabilities of one part."""
        columns = [name for target in self.targets for name in (target, f"{target}_probabilities")]
        return self.read(part, ["id", *columns])

    def read(self, part: int, columns: list[str]) -> pa.Table:
        """Read some columns of one part."""
        return decode_parquet(self.job.output.read(self._parts[part].name), columns)

    def row_numbers(self, part: int, rows: pa.Table) -> dict[str, int]:
        """Return the numbers of a part's rows within the whole output, by id."""
        return {id_: int(self.starts[part]) + row for row, id_ in enumerate(rows["id"].to_pylist())}


def diff_jobs(
    place: Place,
    names: tuple[str, str],
    before: Sequence[Job],
    after: Sequence[Job],
    max_moved: int = 20,
) -> Difference:
    """Compare two jobs, or two runs of many jobs dataset by dataset.

    The rows of one dataset are joined chunk by chunk. The rows of two jobs on two datasets are
    joined by id. For this, the ids of the second job are kept in memory, about 130 bytes a row.

    Raises NotComplete, NoCommonDataset, NoCommonTarget, Absent, BadRecord.
    """
    difference = Difference(*names)
    jobs_before, jobs_after = (
        {(job.customer, job.dataset): job for job in jobs} for jobs in (before, after)
    )
    pairs = [
        (job, jobs_after[dataset]) for dataset, job in jobs_before.items() if dataset in jobs_after
    ]
    if len(jobs_before) == len(jobs_after) == 1:
        pairs = [(before[0], after[0])]
    if not pairs:
        raise NoCommonDataset(*names)
    joined = sum(
        _compare_pair(difference, _JobOutput(place, first), _JobOutput(place, second), max_moved)
        for first, second in pairs
    )
    difference.only_before = sum(_JobOutput(place, job).rows for job in before) - joined
    difference.only_after = sum(_JobOutput(place, job).rows for job in after) - joined
    return difference


def _compare_pair(
    difference: Difference, before: _JobOutput, after: _JobOutput, max_moved: int
) -> int:
    """Add the comparison of two jobs on their common rows. Return the number of these rows."""
    if not before.targets.items() & after.targets.items():
        raise NoCommonTarget(before, after)
    difference.unshared |= {name for name, _ in before.targets.items() ^ after.targets.items()}
    joined = 0
    for part, rows, other_part, other_rows in _match_rows(before, after):
        table_before, table_after = before.part(part), after.part(other_part)
        ids = table_before["id"].take(rows).to_pylist()
        row_ids = RowIds(before.job.customer, before.job.dataset, part, rows, ids)
        for target, mode in before.targets.items():
            if after.targets.get(target) == mode:
                comparison = compare(
                    mode,
                    read_predictions(table_before, target, mode).take(rows),
                    read_predictions(table_after, target, mode).take(other_rows),
                    row_ids,
                    max_moved,
                )
                difference.add(target, before.job.customer, comparison)
        joined += len(rows)
    return joined


def _match_rows(before: _JobOutput, after: _JobOutput) -> Iterator[tuple[int, Int64, int, Int64]]:
    """Yield (part, rows, other part, other rows) [n], where both rows are the same feedback."""
    same_dataset = (before.job.customer, before.job.dataset) == (
        after.job.customer,
        after.job.dataset,
    )
    numbers_by_id: dict[str, int] = {}
    for other_part in () if same_dataset else range(len(after)):
        numbers_by_id |= after.row_numbers(other_part, after.read(other_part, ["id"]))
    for part in range(len(before)):
        if same_dataset:
            numbers_by_id = after.row_numbers(part, after.part(part))
        numbers = np.array(
            [numbers_by_id.get(id_, -1) for id_ in before.part(part)["id"].to_pylist()],
            dtype=np.int64,
        )
        rows = np.flatnonzero(numbers >= 0)
        other_parts = np.searchsorted(after.starts, numbers[rows], side="right") - 1
        for other_part in np.unique(other_parts):
            matched = rows[other_parts == other_part]
            yield part, matched, int(other_part), numbers[matched] - after.starts[other_part]

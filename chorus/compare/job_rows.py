"""Comparison of the labelled rows of two jobs or two runs, part by part."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from chorus.compare.difference import Difference
from chorus.compare.job_output import JobOutput
from ensemble.common_labels import common_labels
from ensemble.compare import Int64, RowIds, compare
from ensemble.rows import read_predictions
from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.jobs import Job


class NoCommonDataset(BadRequest):
    """Two runs that have no dataset in common."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        super().__init__(
            f"{before} and {after} have no dataset in common, so no row can be compared."
        )


class NoCommonTarget(BadRequest):
    """Two jobs that have no target in common."""

    def __init__(self, before: JobOutput, after: JobOutput) -> None:
        self.before, self.after = before.job.id, after.job.id
        answers = "; ".join(
            f"{output.job.id} answers {output.answers}" for output in (before, after)
        )
        super().__init__(f"The two jobs have no target in common: {answers}.")


class NoCommonLabels(BadRequest):
    """Two jobs that answer their common targets with labels that have no common meaning."""

    def __init__(self, before: JobOutput, after: JobOutput, targets: Collection[str]) -> None:
        self.before, self.after, self.targets = before.job.id, after.job.id, targets
        answers = "; ".join(
            f"{output.job.id} answers {target} ({output.targets[target]}: "
            f"{', '.join(sorted(output.labels(target)))})"
            for target in targets
            for output in (before, after)
        )
        super().__init__(
            "The two jobs cannot be compared: a one_of target needs the same labels, and an any_of "
            f"target a label in common. {answers}."
        )


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

    Raises NotComplete, NoCommonDataset, NoCommonTarget, NoCommonLabels, Absent, BadRecord.
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
        _compare_pair(difference, JobOutput(place, first), JobOutput(place, second), max_moved)
        for first, second in pairs
    )
    difference.only_before = sum(JobOutput(place, job).rows for job in before) - joined
    difference.only_after = sum(JobOutput(place, job).rows for job in after) - joined
    return difference


def _compare_pair(
    difference: Difference, before: JobOutput, after: JobOutput, max_moved: int
) -> int:
    """Add the comparison of two jobs on their common rows. Return the number of these rows."""
    if not before.targets.items() & after.targets.items():
        raise NoCommonTarget(before, after)
    difference.unshared |= {name for name, _ in before.targets.items() ^ after.targets.items()}
    labels_by_target = _comparable_labels(difference, before, after)
    joined = 0
    for part, rows, other_part, other_rows in _match_rows(before, after):
        table_before, table_after = before.part(part), after.part(other_part)
        ids = table_before["id"].take(rows).to_pylist()
        row_ids = RowIds(before.job.customer, before.job.dataset, part, rows, ids)
        for target, labels in labels_by_target.items():
            mode = before.targets[target]
            comparison = compare(
                mode,
                read_predictions(table_before, target, mode).take(rows).select(labels),
                read_predictions(table_after, target, mode).take(other_rows).select(labels),
                row_ids,
                max_moved,
            )
            difference.add(target, before.job.customer, comparison)
        joined += len(rows)
    return joined


def _comparable_labels(
    difference: Difference, before: JobOutput, after: JobOutput
) -> dict[str, tuple[str, ...]]:
    """Return target → labels that can be compared, and record in `difference` what cannot.

    Empty if one of the jobs has no rows. Raises NoCommonLabels if no target can be compared.
    """
    if not (len(before) and len(after)):
        return {}
    labels_by_target = {}
    common_targets = dict(before.targets.items() & after.targets.items())
    for target in (target for target in before.targets if target in common_targets):
        both = before.labels(target), after.labels(target)
        labels = common_labels(before.targets[target], *both)
        if labels:
            labels_by_target[target] = labels
            difference.leave_out_labels(target, {*both[0], *both[1]} - {*labels})
        else:
            difference.other_labels.add(target)
    if not labels_by_target:
        raise NoCommonLabels(before, after, sorted(common_targets))
    return labels_by_target


def _match_rows(before: JobOutput, after: JobOutput) -> Iterator[tuple[int, Int64, int, Int64]]:
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

"""The table of all feedback of a customer, each dataset with its active labels."""

from collections.abc import Iterator, Sequence
from datetime import UTC

import pyarrow as pa

from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.feedback import datasets
from storage.records.jobs import read_job
from tasks.export.caller_values import CallerColumn
from tasks.export.export_table import ROW, ExportTable
from tasks.export.flat_columns import TargetLabels, caller_names, result_columns
from tasks.export.labelled_job import LabelledJob, open_labelled_job
from tasks.export.rows_of_job import JobRows
from tasks.formats.output_format import TIME
from tasks.jobs.activate_labels import active_jobs

ID, TEXT = "id", "text"
_ORIGIN = (("dataset", pa.string()), ("file", pa.string()), ("uploaded_at", TIME))


class NoActiveLabels(BadRequest):
    """A customer none of whose feedback has active labels."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        super().__init__(
            f"No feedback of {customer} has active labels. See `chorus labels --customer "
            f"{customer}` and `chorus status`."
        )


class ModesDiffer(BadRequest):
    """A target that is one_of in some of the active labels and any_of in others."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(
            f"Target {target} is one_of in some of the active labels and any_of in others, so it "
            "is not one column. Label the feedback again (`chorus reprocess`), or export the jobs "
            "one by one."
        )


def open_active_jobs(place: Place, customer: str) -> list[LabelledJob]:
    """Return the jobs with the active labels of a customer, the oldest feedback first.

    Raises NoActiveLabels, NotExportable, BadRecord, BadName.
    """
    active = active_jobs(place, customer)
    jobs = [
        open_labelled_job(place, read_job(place, active[dataset.id]))
        for dataset in datasets(place, customer)
        if dataset.id in active
    ]
    if not jobs:
        raise NoActiveLabels(customer)
    return jobs


def table_of_customer(jobs: Sequence[LabelledJob]) -> ExportTable:
    """Return the rows of all these jobs, one after the other.

    The first columns tell which dataset, file and row a row comes from; then come `id`, `text`, the
    other columns of all uploads, and the labels of all jobs. Raises ModesDiffer.
    """
    results = result_columns(_all_targets(jobs))
    origin = [*_ORIGIN, (ROW, pa.int64())]
    other = dict.fromkeys(name for job in jobs for name in job.dataset.columns)
    texts = [CallerColumn("text", TEXT)] if any(job.with_text for job in jobs) else []
    columns = [
        CallerColumn("id", ID),
        *texts,
        *(CallerColumn("other", name) for name in other),
    ]
    fixed = [column.name for column in columns if column.role != "other"]
    taken = [*(name for name, _ in origin), *fixed, *(column.name for column in results)]
    names = [*fixed, *caller_names(other, taken)]
    schema = pa.schema(
        [
            *origin,
            *((name, pa.string()) for name in names),
            *((column.name, column.type) for column in results),
        ]
    )

    def tables() -> Iterator[pa.Table]:
        for job in jobs:
            start = _origin_of(job)
            for rows in JobRows(job, _columns_of(job, columns), names, results).tables():
                repeated = [pa.repeat(value, len(rows)) for value in start]
                yield pa.Table.from_arrays([*repeated, *rows.columns], schema=schema)

    return ExportTable(schema, tables)


def _columns_of(job: LabelledJob, columns: Sequence[CallerColumn]) -> list[CallerColumn]:
    """Return the columns, without the text for a job that leaves it out."""
    if job.with_text:
        return list(columns)
    return [
        CallerColumn("absent", column.name)
        if column.role == "text" or (column.role == "other" and job.holds_text(column.name))
        else column
        for column in columns
    ]


def _origin_of(job: LabelledJob) -> list[pa.Scalar]:
    dataset = job.dataset
    uploaded_at = dataset.taken_in and dataset.taken_in.astimezone(UTC).replace(tzinfo=None)
    values = (dataset.id, dataset.source.name, uploaded_at)
    return [pa.scalar(value, type_) for value, (_, type_) in zip(values, _ORIGIN, strict=True)]


def _all_targets(jobs: Sequence[LabelledJob]) -> list[TargetLabels]:
    """Return the targets of all jobs with the labels of all, in the order of first mention."""
    targets: dict[str, TargetLabels] = {}
    for job in jobs:
        for target in job.targets:
            known = targets.get(target.name, target)
            if known.mode != target.mode:
                raise ModesDiffer(target.name)
            labels = tuple(dict.fromkeys((*known.labels, *target.labels)))
            targets[target.name] = TargetLabels(target.name, target.mode, labels)
    return list(targets.values())

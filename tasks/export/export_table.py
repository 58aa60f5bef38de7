"""The table of an export: of a job, of several jobs of one upload, or of a customer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from storage.errors import BadRequest
from tasks.export.caller_values import CallerColumn
from tasks.export.flat_columns import caller_names, result_columns
from tasks.export.labelled_job import LabelledJob
from tasks.export.merge import join_by_row
from tasks.export.rows_of_job import JobRows

ROW = "row"  # the number of the record, where the upload has no id column
_OF_ONE_READING = {"name", "text_column", "id_column", "columns", "delimiter"}


class DifferentUploads(BadRequest):
    """Jobs that label different uploads cannot be joined by row."""

    def __init__(self, jobs: Sequence[str]) -> None:
        self.jobs = jobs
        super().__init__(
            f"Jobs {' and '.join(jobs)} label different uploads, so they cannot be joined row by "
            "row. Export each to a file of its own, or use --customer."
        )


@dataclass(frozen=True)
class ExportTable:
    """A table of flat columns, read from storage piece by piece."""

    schema: pa.Schema
    tables: Callable[[], Iterator[pa.Table]]


def table_of_jobs(jobs: Sequence[LabelledJob]) -> ExportTable:
    """Return the rows of an upload with the labels of one job, or of several side by side.

    Of several, the columns of each begin with the name of its text column. Raises DifferentUploads.
    """
    first = jobs[0]
    if len({_upload_of(job) for job in jobs}) > 1:
        raise DifferentUploads([job.job.id for job in jobs])
    results = [
        result_columns(job.targets, prefix)
        for job, prefix in zip(jobs, _prefixes(jobs), strict=True)
    ]
    without_text = [job for job in jobs if not job.with_text]
    columns = [
        name for name in first.columns if not any(job.holds_text(name) for job in without_text)
    ]
    numbered = [] if first.dataset.source.id_column else [ROW]
    taken = [*numbered, *(column.name for group in results for column in group)]
    names = caller_names(columns, taken)
    groups = [
        JobRows(job, [_role(job, name) for name in columns], names, group)
        for job, group in zip(jobs, results, strict=True)
    ]
    schema = pa.schema(
        [
            *((name, pa.int64()) for name in numbered),
            *((name, pa.string()) for name in names),
            *((column.name, column.type) for group in results for column in group),
        ]
    )

    def tables() -> Iterator[pa.Table]:
        for joined in join_by_row([group.tables() for group in groups]):
            caller = [
                pc.coalesce(*(table.column(1 + number) for table in joined))
                for number in range(len(names))
            ]
            labels = [column for table in joined for column in table.columns[1 + len(names) :]]
            rows = [joined[0].column(0)] if numbered else []
            yield pa.Table.from_arrays([*rows, *caller, *labels], schema=schema)

    return ExportTable(schema, tables)


def _upload_of(job: LabelledJob) -> str:
    """Return what two jobs of one upload share: its bytes, and how they became records."""
    source = job.dataset.source.model_dump(mode="json", exclude=_OF_ONE_READING)
    return str((job.job.customer, job.dataset.rows_in, sorted(source.items(), key=str)))


def _prefixes(jobs: Sequence[LabelledJob]) -> list[str]:
    """Return the beginning of the columns of each job: none for a single one."""
    if len(jobs) == 1:
        return [""]
    texts = [job.dataset.source.text_column for job in jobs]
    times = Counter(texts)
    return [
        f"{text}_" if times[text] == 1 else f"{text}_{job.job.id}_"
        for text, job in zip(texts, jobs, strict=True)
    ]


def _role(job: LabelledJob, name: str) -> CallerColumn:
    source = job.dataset.source
    if name == source.text_column:
        return CallerColumn("text", name)
    return CallerColumn("id" if name == source.id_column else "other", name)

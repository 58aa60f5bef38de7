"""The rows of one job in the order of the upload: labelled, or rejected with the reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import ChorusError
from storage.records.feedback import read_chunk, rejects_path
from storage.records.labelled_output import part_name, rejects_name
from storage.tables import decode_parquet
from tasks.export.caller_values import CallerColumn, feedback_values, rejected_values
from tasks.export.flat_columns import DETAIL, REASON, RECORD, ResultColumn, ResultKey
from tasks.export.labelled_job import LabelledJob
from tasks.export.merge import merge_by_row
from tasks.export.part_values import part_values


class DamagedPart(ChorusError):
    """A labelled part whose rows are not those of its chunk."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"{where} does not have the rows of its feedback: it was changed or damaged. Remove "
            "it and run the job again."
        )


@dataclass(frozen=True)
class JobRows:
    """The rows of a job as tables: `row`, the caller's columns, the columns that labels add.

    `names` are the names of `columns` in the export.
    """

    labelled: LabelledJob
    columns: Sequence[CallerColumn]
    names: Sequence[str]
    results: Sequence[ResultColumn]

    @cached_property
    def schema(self) -> pa.Schema:
        """Schema of the tables."""
        return pa.schema(
            [
                ("row", pa.int64()),
                *((name, pa.string()) for name in self.names),
                *((column.name, column.type) for column in self.results),
            ]
        )

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows, ascending. Raises Absent, DamagedPart."""
        positions = range(len(self.labelled.dataset.chunks))
        return merge_by_row(map(self._chunk, positions), self._rejects())

    def _chunk(self, position: int) -> pa.Table:
        """Return the rows of a chunk, those that a model could not score included."""
        labelled = self.labelled
        output, dataset = labelled.job.output, labelled.dataset
        chunk = read_chunk(labelled.place, dataset, position)
        part = decode_parquet(output.read(part_name(position)))
        rejects = None
        if any(file.name == rejects_name(position) for file in labelled.manifest.rejected_parts):
            rejects = decode_parquet(output.read(rejects_name(position)))
        rejected = pc.index_in(
            chunk["row"].combine_chunks(),
            pa.array([], pa.int64()) if rejects is None else rejects["row"].combine_chunks(),
        )
        is_labelled = rejected.is_null()
        if pc.sum(is_labelled).as_py() != part.num_rows:
            raise DamagedPart(output.url_of(part_name(position)))
        # position of each row in the part, null for rejected ones
        in_part = pc.if_else(
            is_labelled,
            pc.subtract(pc.cumulative_sum(is_labelled.cast(pa.int64())), 1),
            pa.scalar(None, pa.int64()),
        )
        values = {
            column.key: array.take(in_part)
            for column, array in part_values(part, self.results, labelled.targets)
        }
        if rejects is not None:
            values[REASON] = rejects["reason"].combine_chunks().take(rejected)
            values[DETAIL] = rejects["detail"].combine_chunks().take(rejected)
        return self._table(chunk["row"], feedback_values(chunk, self.columns), values)

    def _rejects(self) -> Iterator[pa.Table]:
        """Yield the rows that the check of the upload rejected, a row group at a time."""
        labelled, dataset = self.labelled, self.labelled.dataset
        if not dataset.rejected:
            return
        path = rejects_path(dataset.customer, dataset.id)
        with labelled.place.local_file(path) as file, pq.ParquetFile(file) as opened:
            for group in range(opened.num_row_groups):
                rejects = opened.read_row_group(group, use_threads=False)
                caller, records = rejected_values(rejects, dataset.source, self.columns)
                values = {
                    REASON: rejects["reason"].cast(pa.string()),
                    DETAIL: rejects["detail"].cast(pa.string()),
                }
                if labelled.with_text:
                    values[RECORD] = records
                yield self._table(rejects["row"], caller, values)

    def _table(
        self, rows: pa.ChunkedArray, caller: Sequence[pa.Array], values: dict[ResultKey, pa.Array]
    ) -> pa.Table:
        results = [
            values.get(column.key, pa.nulls(len(rows), column.type)) for column in self.results
        ]
        return pa.Table.from_arrays([rows, *caller, *results], schema=self.schema)

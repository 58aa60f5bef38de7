"""Finish a job: check every part, then write the manifest that makes it the result."""

import pyarrow as pa
import pyarrow.parquet as pq

from storage import feedback, labelled
from storage.errors import ChorusError
from storage.jobs import Ended, Job, end_job, ended
from storage.labelled import Manifest, Part
from storage.names import digest
from storage.place import Place
from tasks.context import Context
from tasks.lookup import dataset_of, job_of
from tasks.messages import FinishJob
from tasks.reconcile import plan_job, reconcile


class BadPart(ChorusError):
    """A file that bears the name of a labelled part is not the part of its chunk."""

    def __init__(self, where: str, expected: int, found: str) -> None:
        self.where, self.expected, self.found = where, expected, found
        super().__init__(
            f"{where} should be the labelled part of {expected} rows, and is {found}. Remove the file and run again."
        )


def finish(context: Context, message: FinishJob) -> None:
    """Write `_manifest.json` and `_SUCCESS` if every part is there; ask for what is missing if not."""
    job = job_of(context.place, message.job)
    if labelled.read_manifest(job.output) is not None and job.output.exists(labelled.SUCCESS):
        _end(context, job)
        return
    if not plan_job(context.place, message.job).complete:
        reconcile(context, message.job)
        return
    dataset = dataset_of(context.place, job)
    output = job.output
    names = [labelled.part_name(position) for position in range(len(dataset.chunks))]
    output.settle("", names)  # the manifest will vouch for them, also after a power failure
    parts = tuple(_part(output, name, chunk.rows) for name, chunk in zip(names, dataset.chunks, strict=True))
    manifest = Manifest(
        job=job.id,
        customer=job.customer,
        dataset=dataset.id,
        ensemble=job.ensemble,
        models=job.models,
        rows_in=dataset.rows_in,
        rows_labelled=sum(part.rows for part in parts),
        rows_rejected=dataset.rejected,
        rejects=context.place.at(feedback.rejects_path(dataset.customer, dataset.id)),
        parts=parts,
    )
    output.keep(labelled.MANIFEST, manifest.encode(), durable=True)
    output.create(labelled.SUCCESS, b"", durable=True)
    _end(context, job)


def _end(context: Context, job: Job) -> None:
    """Storage first: the board can be made anew from it."""
    if ended(context.place, job.id) is None:
        end_job(context.place, job.id, Ended(status="done"))
    context.board.end(job.id, [model.name for model in job.models], "done")


def _part(output: Place, name: str, rows: int) -> Part:
    """The manifest's entry of a part, from its bytes as they lie in storage."""
    data = output.read(name)
    try:
        found = pq.read_metadata(pa.BufferReader(data)).num_rows
    except pa.ArrowInvalid:
        raise BadPart(output.at(name), rows, "no Parquet file") from None
    if found != rows:
        raise BadPart(output.at(name), rows, f"one of {found} rows")
    return Part(name=name, rows=found, bytes=len(data), sha256=digest(data))

"""Finish a job: check every part, write the manifest, end the job or publish its results."""

import logging
from contextlib import suppress
from datetime import UTC, datetime
from time import time

import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import ChorusError
from storage.names import digest
from storage.places.concurrent import map_concurrently, run_concurrently
from storage.places.place import Place
from storage.records import feedback, labelled_output
from storage.records.exported_files import is_latest_missing
from storage.records.forecasts import read_forecast
from storage.records.job_state import recorded_state
from storage.records.jobs import Job, JobEnd, write_end
from storage.records.labelled_output import Manifest, Part
from tasks.board.context import Context
from tasks.board.job_facts import Arrival
from tasks.board.publish_progress import published_parts, set_published_parts
from tasks.broker.step_messages import SHORT_JOB_ROWS, FinishJob, PublishResults
from tasks.export.write_export import ExportStopped, NotWritten, write_requested_files
from tasks.jobs.activate_labels import activate_labels, end_complete_runs_of
from tasks.jobs.startup_timing import read_startup
from tasks.jobs.submit import stop_job
from tasks.planning.forecast_correction import record_actual
from tasks.planning.reconcile_job import reconcile
from tasks.planning.record_cache import dataset_of, job_of
from tasks.planning.stored_work import read_work_of_job

_MAX_FORECAST_AGE = 60.0  # seconds from a forecast to the arrival that it was made for

log = logging.getLogger(__name__)


class BadPart(ChorusError):
    """A file with the name of a part that is not that part."""

    def __init__(self, where: str, expected: str, actual: str) -> None:
        self.where, self.expected, self.actual = where, expected, actual
        super().__init__(
            f"{where} should have {expected}, and has {actual}. Remove the file and run again."
        )


def finish(context: Context, message: FinishJob) -> None:
    """Write `_manifest.json` and `_SUCCESS` if every part exists; else reconcile the job."""
    job = job_of(context.place, message.job)
    output = job.output
    checks = run_concurrently(
        context.place,
        lambda: labelled_output.is_complete(output),
        lambda: read_work_of_job(context.place, message.job).plan().complete,
    )
    if next(checks):
        _end_or_publish(context, job)
        return
    if not next(checks):
        reconcile(context, message.job)
        return
    dataset = dataset_of(context.place, job)
    positions = range(len(dataset.chunks))
    # Read after the parts: a part's rejects are written before it, and so are in this listing.
    with_rejects = sorted(labelled_output.rejects_positions(output).intersection(positions))
    names = [
        *map(labelled_output.part_name, positions),
        *map(labelled_output.rejects_name, with_rejects),
    ]
    output.flush("", names)  # what the manifest lists must survive a power failure
    entries = map_concurrently(
        output,
        lambda position: _part(output, labelled_output.rejects_name(position), "rejected rows"),
        with_rejects,
    )
    rejected = dict(zip(with_rejects, entries, strict=True))

    def part(position: int) -> Part:
        rejected_rows = rejected[position].rows if position in rejected else 0
        return _labelled_part(output, position, dataset.chunks[position].rows - rejected_rows)

    parts = tuple(map_concurrently(output, part, positions))
    manifest = Manifest(
        job=job.id,
        customer=job.customer,
        dataset=dataset.id,
        ensemble=job.ensemble,
        models=job.models,
        rows_in=dataset.rows_in,
        rows_labelled=sum(part.rows for part in parts),
        rows_rejected=dataset.rejected + sum(part.rows for part in rejected.values()),
        rejects=context.place.url_of(feedback.rejects_path(dataset.customer, dataset.id)),
        parts=parts,
        rejected_parts=tuple(rejected.values()),
    )
    output.create_or_verify(labelled_output.MANIFEST, manifest.encode(), durable=True)
    output.create(labelled_output.SUCCESS, b"", durable=True)
    log.info(
        "all parts are written: %d rows labelled, %d rejected",
        manifest.rows_labelled,
        manifest.rows_rejected,
        extra={"job": job.id},
    )
    _end_or_publish(context, job)


def _end_or_publish(context: Context, job: Job) -> None:
    """Activate the labels, then end the job, or publish its results if it has a topic."""
    is_done = recorded_state(context.place, job.id).is_done
    if is_done and not is_latest_missing(context.place, job.id):
        context.board.mark_ended(job.id, "done")
        return
    if job.results is None or published_parts(context.board, job.id) is None:
        arrival = context.board.arrival(job.id)
        activate_labels(
            context.place,
            job,
            datetime.fromtimestamp(arrival.since, UTC) if arrival else job.submitted_at,
        )
        if job.results is None:
            _record_end(context, job, arrival)
            return
        set_published_parts(context.board, job.id, 0)
    context.publish(PublishResults(job.id))


def end_published_job(context: Context, job: Job) -> None:
    """End a job whose results are all published."""
    _record_end(context, job, context.board.arrival(job.id))
    end_complete_runs_of(context.place, job)


def _record_end(context: Context, job: Job, arrival: Arrival | None) -> None:
    """Write the requested files, then record that the job is done.

    In storage first, from which the board can be rebuilt. A job that is stopped while its files are
    written stays stopped. Without the file of the latest request the job has failed; files of
    earlier requests that cannot be written are recorded, and the job is done.
    """
    files = NotWritten({}, is_latest=False)
    if dataset_of(context.place, job).first is None:  # batches of messages have none
        try:
            files = write_requested_files(
                context.place, job, lambda: context.board.is_stopped(job.id)
            )
        except ExportStopped:
            return
    error, urls = "\n".join(files.errors.values()), tuple(files.errors)
    if files.is_latest:
        stop_job(context, job, "failed", error, files_not_written=urls)
        return
    seconds = max(0.0, time() - arrival.since) if arrival else None
    startup = read_startup(context.board, job.id)
    end = JobEnd(
        status="done", error=error, beginning=startup, seconds=seconds, files_not_written=urls
    )
    write_end(context.place, job.id, end)
    # a forecast does not include publishing
    if arrival is not None and seconds is not None and job.results is None:
        _record_duration(context.place, job, arrival.since, seconds)
    context.board.mark_ended(job.id, "done")


def _record_duration(place: Place, job: Job, since: float, seconds: float) -> None:
    """Record how long the job took for later forecasts, if its own was made for this arrival.

    Short jobs have no forecast, and no job fails because of its forecast.
    """
    if dataset_of(place, job).rows <= SHORT_JOB_ROWS:
        return
    forecast = read_forecast(place, job.id)
    if forecast is not None and abs(since - forecast.made_at.timestamp()) < _MAX_FORECAST_AGE:
        with suppress(ChorusError, OSError):
            record_actual(place, forecast, seconds)


def _labelled_part(output: Place, position: int, rows: int) -> Part:
    """Return the manifest's entry of a labelled part with so many rows. Raises BadPart."""
    expected = f"{rows} labelled rows"
    part = _part(output, labelled_output.part_name(position), expected)
    if part.rows != rows:
        raise BadPart(output.url_of(part.name), expected, f"{part.rows} rows")
    return part


def _part(output: Place, name: str, expected: str) -> Part:
    """Return the manifest's entry of a file, from its bytes in storage. Raises BadPart."""
    data = output.read(name)
    try:
        rows = pq.read_metadata(pa.BufferReader(data)).num_rows
    except pa.ArrowInvalid:
        raise BadPart(output.url_of(name), expected, "no Parquet data") from None
    return Part(name=name, rows=rows, bytes=len(data), sha256=digest(data))

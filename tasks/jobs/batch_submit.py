"""Submit a batch of messages: store it, create its job, start the job. Each may be repeated."""

from datetime import datetime

import pyarrow as pa

from intake.messages import batch
from storage.places.place import Absent
from storage.records.feedback import Dataset, FirstLabels, read_dataset
from storage.records.job_state import recorded_state
from storage.records.jobs import Job
from tasks.board.context import Context
from tasks.jobs.submit import ResolvedVersions, build_job, create_job, resolve_versions, start_job

_MAX_CLOCK_SKEW = 60.0  # seconds between the clocks of two machines


def resolve_first_labels(context: Context, customer: str, results: str | None) -> FirstLabels:
    """Return the versions that would label the customer's messages now.

    `results`: the topic for the labels. Raises NotPublished, Mismatch, BadRecord, BadName.
    """
    versions = resolve_versions(context.place, customer)
    return FirstLabels(ensemble=versions.ensemble, models=versions.models, results=results)


def submit_batch(
    context: Context, customer: str, name: str, table: pa.Table, first_labels: FirstLabels
) -> Job | None:
    """Store the feedback, schema CHUNK, and start its job; None if the batch was given up.

    Once this returns a job, the messages may be acknowledged. Raises BadRecord, CannotWrite,
    OutputTaken, BrokerUnreachable, RedisError.
    """
    if not batch.store_chunk(context.place, customer, name, table):
        return None
    return _create_first_job(
        context,
        batch.create_dataset(
            context.place, batch.describe_dataset(customer, name, table, first_labels)
        ),
    )


def submit_stored_batch(
    context: Context, customer: str, name: str, first_labels: FirstLabels
) -> Job | None:
    """Return the job of a batch that another process stored, started if it was not.

    None if it is not stored. Raises what `submit_batch` raises.
    """
    try:
        dataset = read_dataset(context.place, customer, name)
    except Absent:
        chunk = batch.read_batch(context.place, customer, name)
        if chunk is None:
            return None
        dataset = batch.create_dataset(
            context.place, batch.describe_dataset(customer, name, chunk, first_labels)
        )
    return _create_first_job(context, dataset)


def is_overdue(name: str, now: datetime, seconds: float) -> bool:
    """Return whether the batch of this name was gathered more than `seconds` ago.

    So is a batch from further in the future than clocks can differ: its writer may be gone.
    """
    at = batch.batch_time(name)
    return at is None or not -_MAX_CLOCK_SKEW <= (now - at).total_seconds() <= seconds


def _create_first_job(context: Context, dataset: Dataset) -> Job:
    """Create and start the batch's job, with the versions resolved when the batch was stored."""
    if dataset.first is None:
        raise ValueError(f"dataset {dataset.id} is not a batch of messages")
    job = build_job(
        context.place,
        dataset,
        ResolvedVersions(dataset.first.ensemble, dataset.first.models),
        out=None,
        keep_text=True,
        keep_columns=True,
        priority="live",
        results=dataset.first.results,
    )
    job = create_job(context.place, job)
    if not context.board.is_running(job.id) and recorded_state(context.place, job.id).is_open:
        start_job(context, job)
    return job

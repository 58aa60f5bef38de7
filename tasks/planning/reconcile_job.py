"""Reconcile a job: read what storage holds, plan what is missing, and dispatch it."""

import logging
from collections.abc import Mapping, Sequence, Set

from storage.records.feedback import Dataset
from storage.records.jobs import Job, read_end
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.job_facts import JobFacts
from tasks.board.leases import leased_steps
from tasks.broker.step_messages import (
    CONTROL_QUEUE,
    RESULTS_QUEUE,
    FinishJob,
    PublishResults,
    ReduceChunk,
    control_step,
)
from tasks.planning.dispatch import (
    MAX_CONTROL_QUEUE,
    cell_of,
    cells_in_flight,
    dispatch,
    enqueue_job,
    lane_of,
    queued_arguments,
    rank_of,
)
from tasks.planning.record_cache import job_of
from tasks.planning.stored_work import StoredWork, read_work_of_job

log = logging.getLogger(__name__)


def reconcile(context: Context, job_id: str) -> None:
    """Rebuild the board for a job, and queue every step that is missing and not in flight.

    It may run at any time, any number of times, in any number of processes. A job that was stopped
    in storage is stopped on the board.
    """
    job = job_of(context.place, job_id)
    # read before storage, which then has every cell that is scored in between
    in_flight = {model.name: _chunks_in_flight(context, job, model.name) for model in job.models}
    queue_missing_work(context, read_work_of_job(context.place, job_id), in_flight)


def queue_missing_work(
    context: Context, stored: StoredWork, in_flight: Mapping[str, Set[str]] | None = None
) -> None:
    """Rebuild the board for a job from what storage holds, and queue every step that is missing.

    `in_flight`: model → chunks that are not queued again; None: the board knows nothing of the job.
    """
    job, dataset, parts = stored.job, stored.dataset, stored.parts
    missing_work = stored.plan()
    in_flight = in_flight or {}
    board = context.board
    log.info(
        "to do: %d cells to score, %d chunks to reduce of %d",
        *(len(missing_work.cells), len(missing_work.chunks), len(dataset.chunks)),
        extra={"job": job.id},
    )
    board.mark_running(job.id, _facts(job, dataset), len(parts))
    end = read_end(context.place, job.id)
    # A process that ends the job after this read marks the board itself, later than this.
    if end is not None and end.status != "done":
        board.mark_ended(job.id, end.status, end.error)
        return
    for model in job.models:
        missing = {cell.chunk for cell in missing_work.cells if cell.model == model.name}
        if _seed(board, job.id, model.name, dataset, missing, in_flight.get(model.name, set())):
            enqueue_job(board, job, dataset, model.name)
    board.seed_parts(job.id, parts)
    # The board is complete before a cell is dispatched: the barrier of a cell that is scored from
    # now on sees the bits of all stored scores.
    for model in job.models:
        dispatch(context, model.name)
    # The control queue never holds a whole job.
    steps = [ReduceChunk(job.id, chunk) for chunk in missing_work.chunks[:MAX_CONTROL_QUEUE]]
    queued = control_steps_in_flight(board, [step.step for step in steps])
    for step in steps:
        if step.step not in queued:
            context.publish(step)
    if missing_work.complete:
        context.publish(FinishJob(job.id))


def _seed(
    board: Board, job: str, model: str, dataset: Dataset, missing: Set[str], in_flight: Set[str]
) -> bool:
    """Note the state of a model's chunks on the board; return whether any is to be dispatched."""
    scored: list[int] = []
    skipped: list[int] = []
    to_dispatch: list[int] = []
    for chunk, positions in dataset.positions.items():
        if chunk not in missing:
            scored += positions
        elif chunk in in_flight:
            skipped += positions
        else:
            to_dispatch.append(positions[0])
            skipped += positions[1:]  # chunks of equal texts are scored once
    board.seed(job, model, scored=scored, in_flight=skipped, missing=to_dispatch)
    return bool(to_dispatch)


def control_steps_in_flight(board: Board, steps: Sequence[str]) -> set[str]:
    """Return those of these control worker's steps that wait in its queue or are leased."""
    if not steps:
        return set()
    queued = {control_step(arguments) for arguments in queued_arguments(board, CONTROL_QUEUE)}
    return queued.intersection(steps) | leased_steps(board, set(steps) - queued)


def jobs_being_published(board: Board, jobs: Sequence[str]) -> set[str]:
    """Return those of these jobs whose results wait to be published, are published or deferred."""
    if not jobs:
        return set()
    queued = {arguments["job"] for arguments in queued_arguments(board, RESULTS_QUEUE)}
    steps = {PublishResults(job).step: job for job in jobs}
    leased = leased_steps(board, steps)
    return queued.intersection(jobs) | {steps[step] for step in leased}


def _chunks_in_flight(context: Context, job: Job, model: str) -> set[str]:
    """Return the job's chunks that wait in the model's queue or are being scored, for any job."""
    cells = [
        cell_of(context.place, job.id, position, model)
        for name, position in context.board.outstanding(model)
        if name == job.id
    ]
    in_flight = cells_in_flight(context.board, model, cells)
    return {chunk for name, chunk in in_flight if name == job.id}


def _facts(job: Job, dataset: Dataset) -> JobFacts:
    return JobFacts(
        models=tuple(job.model_names),
        rank=rank_of(job, dataset),
        lane=lane_of(job, dataset),
        deadline=job.deadline.timestamp() if job.deadline else None,
        rows=dataset.rows,
        chunk_rows=dataset.chunk_rows,
        chunks=len(dataset.chunks),
    )

"""Look at storage, plan what is left of a job, and ask for it."""

from collections.abc import Collection, Iterator, Sequence, Set

from storage.places.concurrent import both, side_by_side
from storage.places.place import Place
from storage.records import labelled_output
from storage.records.feedback import Dataset
from storage.records.jobs import Job, ended
from tasks.board.board import Board, Progress
from tasks.board.leases import leased
from tasks.broker.context import Context
from tasks.broker.step_messages import (
    CONTROL,
    RESULTS,
    FinishJob,
    PublishResults,
    ReduceChunk,
    ScoreCell,
    control_step,
)
from tasks.planning.dispatch import (
    MOST_CONTROL,
    dispatch,
    enqueue_job,
    lane_of,
    queued,
    queued_cells,
    rank_of,
)
from tasks.planning.plan import Plan, plan
from tasks.planning.record_cache import dataset_of, job_of
from tasks.planning.score_reuse import chunks_without_work


def plan_job(place: Place, job_id: str, parts: Set[int] | None = None) -> Plan:
    """What storage says is missing of a job. What can be borrowed whole needs no worker: `reduce`
    does it.

    `parts`: the positions of those that are there, if they were just listed.
    """
    job = job_of(place, job_id)
    dataset = dataset_of(place, job)
    chunks = [chunk.id for chunk in dataset.chunks]
    parts = labelled_output.part_positions(job.output) if parts is None else parts
    wanted = {chunk for position, chunk in enumerate(chunks) if position not in parts}
    models = [(model.name, model.version) for model in job.models]
    scored = dict(zip(models, _in_hand(place, dataset, job, wanted), strict=True))
    return plan(chunks, models, scored, parts)


def stored_progress(place: Place, job_id: str) -> Progress:
    """How far a job is by what storage holds, which the board may not know yet or no longer."""
    job = job_of(place, job_id)
    dataset = dataset_of(place, job)
    positions = dataset.positions
    parts, scored = both(
        place,
        lambda: labelled_output.part_positions(job.output),
        lambda: list(_in_hand(place, dataset, job, positions)),
    )
    counts = [sum(len(positions[chunk]) for chunk in found) for found in scored]
    names = [model.name for model in job.models]
    return Progress("running", None, dict(zip(names, counts, strict=True)), len(parts))


def _in_hand(
    place: Place, dataset: Dataset, job: Job, chunks: Collection[str]
) -> Iterator[set[str]]:
    """Of each model of the job, which of the chunks need no worker."""
    return side_by_side(
        place, lambda model: chunks_without_work(place, dataset, model, chunks), job.models
    )


def reconcile(context: Context, job_id: str, *, fresh: bool = False) -> None:
    """Write the board anew and ask for every step that is missing and on nobody's way.

    Safe at any time, any number of times, in any number of processes. What was stopped in storage
    stops on the board. `fresh`: the board knows nothing of the job, so nothing is on anybody's way.
    """
    job = job_of(context.place, job_id)
    dataset = dataset_of(context.place, job)
    under_way: dict[str, set[str]] = {}
    if not fresh:  # before storage is read
        under_way = {model.name: _under_way(context, job, model.name) for model in job.models}
    parts = labelled_output.part_positions(job.output)
    left = plan_job(context.place, job_id, parts)
    board = context.board
    board.mark_running(job_id, _facts(job, dataset), len(parts))
    end = ended(context.place, job_id)
    # meanwhile; who ends it after this look tells the board after us
    if end is not None and end.status != "done":
        board.mark_ended(job_id, end.status, end.error)
        return
    for model in job.models:
        wanted = {cell.chunk for cell in left.cells if cell.model == model.name}
        if _seed(board, job_id, model.name, dataset, wanted, under_way.get(model.name, set())):
            enqueue_job(board, job, dataset, model.name)
    board.seed_parts(job_id, parts)
    # The board first: a cell that arrives from now on finds every bit that storage vouches for.
    for model in job.models:
        dispatch(context, model.name)
    # no queue holds a whole job
    steps = [ReduceChunk(job_id, chunk) for chunk in left.chunks[:MOST_CONTROL]]
    waiting = control_steps(board, [step.step for step in steps])
    for step in steps:
        if step.step not in waiting:
            context.publish(step)
    if left.complete:
        context.publish(FinishJob(job_id))


def _seed(
    board: Board, job: str, model: str, dataset: Dataset, missing: Set[str], under_way: Set[str]
) -> bool:
    """Note what is known of a model's chunks; whether any is to be asked for."""
    there: list[int] = []
    asked: list[int] = []
    lost: list[int] = []
    for chunk, positions in dataset.positions.items():
        if chunk not in missing:
            there += positions
        elif chunk in under_way:
            asked += positions
        else:
            lost.append(positions[0])
            asked += positions[1:]  # equal texts are scored once
    board.seed(job, model, scored=there, asked=asked, lost=lost)
    return bool(lost)


def control_steps(board: Board, steps: Sequence[str]) -> set[str]:
    """Of these steps of the control worker, those that wait in the control queue or are being done."""
    if not steps:
        return set()
    waiting = {control_step(arguments) for arguments in queued(board, CONTROL)}
    missing = [step for step in steps if step not in waiting]
    held = {step for step, one in zip(missing, leased(board, missing), strict=True) if one}
    return waiting.intersection(steps) | held


def publishing(board: Board, jobs: Sequence[str]) -> set[str]:
    """Of these jobs, those whose results wait to be published, are being published or were put off."""
    if not jobs:
        return set()
    waiting = {arguments["job"] for arguments in queued(board, RESULTS)}
    steps = [PublishResults(job).step for job in jobs]
    return {
        job for job, held in zip(jobs, leased(board, steps), strict=True) if held or job in waiting
    }


def _under_way(context: Context, job: Job, model: str) -> set[str]:
    """Chunks that wait in the model's queue for this job, or are being scored, for whichever job."""
    queued = {chunk for asked, chunk in queued_cells(context.board, model) if asked == job.id}
    version = next(member.version for member in job.models if member.name == model)
    out = context.board.outstanding(model)
    dataset = dataset_of(context.place, job)
    maybe = sorted(
        {dataset.chunks[position].id for asked, position in out if asked == job.id} - queued
    )
    steps = [ScoreCell(job.id, chunk, model, version).step for chunk in maybe]
    return queued | {
        chunk for chunk, held in zip(maybe, leased(context.board, steps), strict=True) if held
    }


def _facts(job: Job, dataset: Dataset) -> dict[str, str | int | float]:
    """What the queue and the demand need to know without asking storage."""
    return {
        "models": " ".join(model.name for model in job.models),
        "rank": rank_of(job, dataset),
        "lane": lane_of(job, dataset),
        "deadline": job.deadline.timestamp() if job.deadline else "",
        "rows": dataset.rows,
        "chunk_rows": dataset.chunk_rows,
        "chunks": len(dataset.chunks),
    }

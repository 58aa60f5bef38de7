"""Look at storage, plan what is left of a job, and ask for it."""

from storage import labelled
from storage.place import Place
from storage.scores import scored_chunks
from tasks.board import Progress
from tasks.context import Context
from tasks.lookup import dataset_of, job_of
from tasks.messages import FinishJob, ReduceChunk, ScoreCell
from tasks.plan import Plan, plan


def plan_job(place: Place, job_id: str) -> Plan:
    """What storage says is missing of a job."""
    job = job_of(place, job_id)
    dataset = dataset_of(place, job)
    chunks = [chunk.id for chunk in dataset.chunks]
    parts = labelled.part_positions(job.output)
    without = {
        chunk for position, chunk in enumerate(chunks) if position not in parts
    }  # of the others none needs scores
    scored = {
        (model.name, model.version): scored_chunks(place, model.name, model.version, without) for model in job.models
    }
    return plan(chunks, list(scored), scored, parts)


def stored_progress(place: Place, job_id: str) -> Progress:
    """How far a job is by what storage holds, which the board may not know yet or no longer."""
    job = job_of(place, job_id)
    positions = dataset_of(place, job).positions
    scored = {model.name: scored_chunks(place, model.name, model.version, positions) for model in job.models}
    counts = {model: sum(len(positions[chunk]) for chunk in found) for model, found in scored.items()}
    return Progress("running", None, counts, len(labelled.part_positions(job.output)))


def reconcile(context: Context, job_id: str) -> None:
    """Write the board anew and publish every missing step. Safe at any time, any number of times."""
    job = job_of(context.place, job_id)
    positions = dataset_of(context.place, job).positions
    left = plan_job(context.place, job_id)
    missing = {(cell.chunk, cell.model) for cell in left.cells}
    context.board.seed(
        job_id,
        {
            model.name: [at for chunk in positions for at in positions[chunk] if (chunk, model.name) not in missing]
            for model in job.models
        },
        labelled.part_positions(job.output),
    )
    # The board first: a cell that arrives from now on finds every bit that storage vouches for.
    for cell in left.cells:
        context.publish(ScoreCell(job_id, cell.chunk, cell.model, cell.version))
    for chunk in left.chunks:
        context.publish(ReduceChunk(job_id, chunk))
    if left.complete:
        context.publish(FinishJob(job_id))

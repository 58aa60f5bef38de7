"""Score one cell: the texts of a chunk under one model version, into one scores file.

A text may make a model raise, return nonsense, hang, or end its process. The board counts each
attempt before it begins, so that a killed worker counts too. After three attempts the cell is
scored with fault isolation, which ends in every case.
"""

import logging
from contextlib import AbstractContextManager, suppress
from functools import partial
from time import time
from typing import Protocol

import pyarrow as pa

from storage.errors import ChorusError, one_line_reason
from storage.places.concurrent import run_concurrently
from storage.records import scores
from storage.records.feedback import read_texts
from storage.records.scores import Float32, Scores
from tasks.board.attempts import Attempts
from tasks.board.context import Context
from tasks.board.job_facts import FirstScores
from tasks.broker.step_messages import ReduceChunk, ScoreCell
from tasks.planning.dispatch import cell_of, dispatch
from tasks.planning.record_cache import dataset_of, job_of
from tasks.planning.score_reuse import complete_scores
from tasks.steps.bisect_rows import ModelAtFault
from tasks.steps.fault_isolation import (
    LoadedModel,
    output_fault,
    reason_for_log,
    score_isolating_faults,
)

ATTEMPTS_BEFORE_ISOLATION = 3  # attempts at a cell before it is scored with fault isolation

log = logging.getLogger(__name__)


class DigestMismatch(ChorusError):
    """A model version in a worker that is not the one that the job was submitted with."""

    def __init__(self, cell: ScoreCell, expected: str, actual: str) -> None:
        self.cell, self.expected, self.actual = cell, expected, actual
        super().__init__(
            f"{cell.model} version {cell.version} has the digest {actual[:12]} in this worker, "
            f"and the job was submitted with {expected[:12]}: the registry was changed by hand. "
            "Restart the workers and submit again."
        )


class ScoringFailed(Exception):
    """A failed attempt at a cell, for a reason that may be one of its texts."""

    def __init__(self, cell: ScoreCell, attempt: int, reason: str) -> None:
        self.cell, self.attempt = cell, attempt
        failure = f"{cell.model} version {cell.version}, attempt {attempt} at chunk {cell.chunk}: "
        self.log_text = failure + reason_for_log(reason)
        super().__init__(failure + reason)


class ModelBroken(ChorusError):
    """A model that fails, and not because of a few texts."""

    def __init__(self, cell: ScoreCell, reason: str) -> None:
        self.cell, self.reason = cell, reason
        self.log_text = (
            f"{cell.model} version {cell.version} cannot score chunk {cell.chunk}: "
            f"{reason_for_log(reason)}"
        )
        super().__init__(
            f"{cell.model} version {cell.version} cannot score chunk {cell.chunk}, and not because "
            f"of single texts: {reason}. Nothing of the chunk was stored. Publish a model without "
            "this fault, or give it the memory that it needs."
        )


class WorkerModels(Protocol):
    """The models that a worker can load."""

    def use(self, model: str, version: int) -> AbstractContextManager[LoadedModel]:
        """Yield the version, in the memory of this process, while the block lasts."""
        ...

    def isolated(self, model: str, version: int) -> AbstractContextManager[LoadedModel]:
        """Yield the version, in a process of its own that may die, while the block lasts."""
        ...


def score(context: Context, models: WorkerModels, cell: ScoreCell) -> int:
    """Score the cell unless its scores exist, and queue `reduce` when all members have scored.

    Existing scores of equal texts are copied, and no model is loaded if all texts have some. Last,
    the model's next cells are dispatched. Return the rows of the chunk. The first attempts raise
    ScoringFailed when the model fails; the next one isolates the fault, and raises ModelBroken if
    it is not a few rows. Raises DigestMismatch, and whatever loading a model raises.
    """
    job = job_of(context.place, cell.job)
    dataset = dataset_of(context.place, job)
    path = scores.path(cell.model, cell.version, cell.chunk)
    position = dataset.positions[cell.chunk][0]
    taken, first = time(), None
    reads = run_concurrently(
        context.place,
        partial(context.place.exists, path),
        partial(read_texts, context.place, dataset, position),
    )
    if not next(reads):
        [member] = [
            model
            for model in job.models
            if (model.name, model.version) == (cell.model, cell.version)
        ]
        with Attempts(context.board, cell) as attempts:
            score_texts = partial(_score_texts, context, models, cell, attempts, member.digest)
            chunk_scores = complete_scores(
                context.place, dataset, position, member, next(reads), score_texts
            )
            # Two workers may score one cell and differ in the last bit: the first file counts.
            context.place.create(path, scores.encode(chunk_scores))
        first = context.session.first_scores(taken) if context.session else None
    for scored_cell in [cell, *_same_cell_of_other_jobs(context, cell)]:
        _mark_scored(context, scored_cell, first)
    Attempts(context.board, cell).reset()
    dispatch(context, cell.model)
    return dataset.chunks[position].rows


def _same_cell_of_other_jobs(context: Context, cell: ScoreCell) -> list[ScoreCell]:
    """Return the outstanding messages of other jobs for this cell.

    A worker may have dropped them, because this worker held the lease of the step.
    """
    cells = []
    for job, position in context.board.outstanding(cell.model):
        with suppress(ChorusError):  # the record of another job cannot be read
            other = cell_of(context.place, job, position, cell.model)
            if other.cell_id == cell.cell_id and other.job != cell.job:
                cells.append(other)
    return cells


def _mark_scored(context: Context, cell: ScoreCell, first: FirstScores | None) -> None:
    """Mark the cell scored on the board; queue `reduce` if all members have scored the chunk."""
    job = job_of(context.place, cell.job)
    positions = dataset_of(context.place, job).positions[cell.chunk]
    if context.board.mark_scored(
        cell.job, cell.model, positions, [member.name for member in job.models], first
    ):
        context.publish(ReduceChunk(cell.job, cell.chunk))


def _score_texts(
    context: Context,
    models: WorkerModels,
    cell: ScoreCell,
    attempts: Attempts,
    digest: str,
    texts: pa.StringArray,
) -> Scores:
    """Return the model's scores of [rows] strings, and the rows that it rejects."""
    attempt = attempts.count()
    isolate = attempt > ATTEMPTS_BEFORE_ISOLATION
    rejected: dict[int, str] = {}
    with (models.isolated if isolate else models.use)(cell.model, cell.version) as loaded:
        if loaded.digest != digest:
            raise DigestMismatch(cell, digest, loaded.digest)
        if isolate:
            if context.session is not None:
                context.session.disable_timeout(cell.step)
            log.warning("attempt %d at this cell, with fault isolation", attempt, extra=vars(cell))
            try:
                values, rejected = score_isolating_faults(loaded, texts)
            except ModelAtFault as error:
                raise ModelBroken(cell, error.reason) from None
        else:
            values = _score_once(cell, attempt, loaded, texts)
    return Scores(cell.model, cell.version, digest, loaded.labels, values, rejected)


def _score_once(
    cell: ScoreCell, attempt: int, loaded: LoadedModel, texts: pa.StringArray
) -> Float32:
    """Return the scores of [rows] strings, [rows, labels] float32. Raises ScoringFailed."""
    try:
        values = loaded.score(texts)
    except ChorusError:
        raise
    except Exception as error:  # a model may raise anything
        raise ScoringFailed(cell, attempt, one_line_reason(error)) from error
    fault = output_fault(values, len(texts), len(loaded.labels))
    if fault is not None:
        raise ScoringFailed(cell, attempt, fault)
    return values

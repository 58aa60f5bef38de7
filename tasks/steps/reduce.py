"""Reduce a chunk: combine the members' scores to a labelled part, and write the rejected rows."""

import logging
from collections.abc import Collection, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ensemble.answer import answer_targets
from ensemble.combine import Answer
from ensemble.rows import labelled_rows
from storage.places.concurrent import map_concurrently, run_concurrently
from storage.places.place import Absent, Place
from storage.records import feedback, labelled_output, scores
from storage.records.feedback import Dataset
from storage.records.jobs import Job
from storage.records.labelled_output import ModelVersion
from storage.records.scores import BadScores, Scores
from storage.tables import encode_parquet
from tasks.board.context import Context
from tasks.broker.step_messages import FinishJob, ReduceChunk
from tasks.planning.dispatch import dispatch, enqueue_job
from tasks.planning.record_cache import dataset_of, ensemble_of, job_of
from tasks.planning.score_reuse import reuse_whole_chunk
from tasks.steps.finish import finish
from tasks.steps.part_columns import has_columns_by_target

log = logging.getLogger(__name__)


def reduce(context: Context, message: ReduceChunk) -> int:
    """Write the parts of every chunk with these texts, or queue the missing scores again.

    A row that any member rejected is not labelled: it goes to the rejects of its part, which are
    written first. After the last part the job is finished at once, because a message to this same
    worker would cost an upload of one feedback a tenth of its time. If the step is repeated, it
    finishes the job again, which changes nothing. Return the rows of the parts.
    """
    job = job_of(context.place, message.job)
    dataset = dataset_of(context.place, job)
    positions = dataset.positions[message.chunk]
    output = job.output
    reads = run_concurrently(
        context.place,
        lambda: all(
            map_concurrently(output, output.exists, map(labelled_output.part_name, positions))
        ),
        lambda: ensemble_of(context.place, job),
        lambda: has_columns_by_target(context.place, job),
        *(
            partial(_read_scores, context.place, dataset, message.chunk, model)
            for model in job.models
        ),
        *(
            partial(feedback.read_chunk, context.place, dataset, position, _columns_to_read(job))
            for position in positions
        ),
    )
    if not next(reads):
        ensemble, by_target = next(reads), next(reads)
        scores_by_model = {
            model.name: chunk_scores
            for model, chunk_scores in zip(job.models, reads, strict=False)
            if chunk_scores is not None
        }
        if len(scores_by_model) < len(job.models):
            _requeue_missing(context, job, dataset, message.chunk, scores_by_model)
            return 0
        rejected = _rejected(job, scores_by_model)
        labelled = np.setdiff1d(np.arange(dataset.chunks[positions[0]].rows), list(rejected))
        answers = answer_targets(ensemble, scores_by_model, labelled)
        columns = dataset.columns if job.keep_columns else ()
        for position, chunk in zip(positions, reads, strict=True):
            if rejected:
                output.create_or_verify(
                    labelled_output.rejects_name(position),
                    encode_parquet(_rejects(chunk, rejected)),
                )
                chunk = chunk.take(labelled)
            output.create_or_verify(
                labelled_output.part_name(position),
                encode_parquet(
                    _label_rows(context, job, chunk, answers, columns, by_target=by_target)
                ),
            )
    if context.board.mark_written(message.job, positions, len(dataset.chunks)):
        finish(context, FinishJob(message.job))
    return sum(dataset.chunks[position].rows for position in positions)


def _columns_to_read(job: Job) -> list[str]:
    """Return the columns of a chunk that its labelled rows and its rejects need."""
    return ["row", "id"] + ["text"] * job.keep_text + ["extra"] * job.keep_columns


def _requeue_missing(
    context: Context, job: Job, dataset: Dataset, chunk: str, scored: Collection[str]
) -> None:
    """Dispatch the chunk's cells again, of the members that are not in `scored`."""
    for model in job.models:
        if model.name not in scored:
            fields = {"job": job.id, "chunk": chunk, "model": model.name, "version": model.version}
            log.warning("its scores are missing, and are computed again", extra=fields)
            context.board.requeue(job.id, model.name, dataset.positions[chunk])
            enqueue_job(context.board, job, dataset, model.name)
            dispatch(context, model.name)


def _read_scores(place: Place, dataset: Dataset, chunk: str, model: ModelVersion) -> Scores | None:
    """Read the chunk's scores under a model version, or copy them from source chunks.

    None: they have to be computed.
    """
    position = dataset.positions[chunk][0]
    path, rows = scores.path(model.name, model.version, chunk), dataset.chunks[position].rows
    try:
        return scores.read(place, model, chunk, rows)
    except BadScores as error:
        log.warning("damaged scores removed, to be computed again: %s", error)
        place.remove(path)
        return None
    except Absent:
        reused = reuse_whole_chunk(place, dataset, position, model)
    if reused is not None and not place.create(path, scores.encode(reused)):
        # another process was first: its file counts
        return _read_scores(place, dataset, chunk, model)
    return reused


def _rejected(job: Job, scores_by_model: dict[str, Scores]) -> dict[int, str]:
    """Return the rows of the chunk that a member rejected, in order, with the reasons."""
    reasons: dict[int, list[str]] = {}
    for model in job.models:
        for row, reason in scores_by_model[model.name].rejected.items():
            reasons.setdefault(row, []).append(f"{model.name} {model.version}: {reason}")
    return {row: "; ".join(reasons[row]) for row in sorted(reasons)}


def _rejects(chunk: pa.Table, rejected: Mapping[int, str]) -> pa.Table:
    """Return the rejected rows, schema REJECTS; without text where the job keeps no texts."""
    rows = chunk.take(list(rejected))
    text = rows["text"] if "text" in rows.column_names else pa.nulls(len(rows), pa.string())
    columns = {
        "row": rows["row"],
        "id": rows["id"],
        "reason": pa.repeat(feedback.MODEL_FAILED, len(rows)),
        "detail": pa.array(list(rejected.values()), pa.string()),
        "raw": pc.utf8_slice_codeunits(text, 0, feedback.RAW_CHARS),
    }
    return pa.table(columns, schema=feedback.REJECTS)


def _label_rows(
    context: Context,
    job: Job,
    chunk: pa.Table,
    answers: dict[str, Answer],
    columns: tuple[str, ...],
    *,
    by_target: bool,
) -> pa.Table:
    return labelled_rows(
        chunk,
        job.customer,
        answers,
        review_below=ensemble_of(context.place, job).review_below,
        scored_at=job.submitted_at,
        keep_text=job.keep_text,
        columns=columns,
        by_target=by_target,
    )

"""Reduce one chunk: all members' scores, combined, as labelled parts, and what a member could not
score as rejects.
"""

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

log = logging.getLogger(__name__)


def reduce(context: Context, message: ReduceChunk) -> None:
    """Write the parts of every chunk with these texts, or ask again for the scores that are
    missing.

    A row that any member has rejected is not labelled: it goes to the rejects of its part, which
    are written first. The last part of the job finishes it, here and now: a message to this same
    worker would cost an upload of one feedback a tenth of its time. Each repetition after it
    finishes again, which finds the job finished.
    """
    job = job_of(context.place, message.job)
    dataset = dataset_of(context.place, job)
    positions = dataset.positions[message.chunk]
    output = job.output
    reading = run_concurrently(
        context.place,
        lambda: all(
            map_concurrently(output, output.exists, map(labelled_output.part_name, positions))
        ),
        lambda: ensemble_of(context.place, job),
        *(
            partial(_read_scores, context.place, dataset, message.chunk, model)
            for model in job.models
        ),
        *(
            partial(feedback.read_chunk, context.place, dataset, position, _columns_read(job))
            for position in positions
        ),
    )
    if not next(reading):
        ensemble = next(reading)
        said = {
            model.name: found
            for model, found in zip(job.models, reading, strict=False)
            if found is not None
        }
        if len(said) < len(job.models):
            _requeue_missing(context, job, dataset, message.chunk, said)
            return
        rejected = _rejected(job, said)
        kept = np.setdiff1d(np.arange(dataset.chunks[positions[0]].rows), list(rejected))
        answers = answer_targets(ensemble, said, kept)
        columns = dataset.columns if job.keep_columns else ()
        for position, chunk in zip(positions, reading, strict=True):
            if rejected:
                output.create_or_verify(
                    labelled_output.rejects_name(position),
                    encode_parquet(_rejects(chunk, rejected)),
                )
                chunk = chunk.take(kept)
            output.create_or_verify(
                labelled_output.part_name(position),
                encode_parquet(_rows(context, job, chunk, answers, columns)),
            )
    if context.board.mark_written(message.job, positions, len(dataset.chunks)):
        finish(context, FinishJob(message.job))


def _columns_read(job: Job) -> list[str]:
    """Of a chunk of feedback, all that its labelled rows and its rejects hold."""
    return ["row", "id"] + ["text"] * job.keep_text + ["extra"] * job.keep_columns


def _requeue_missing(
    context: Context, job: Job, dataset: Dataset, chunk: str, said: Collection[str]
) -> None:
    """Of the members that are not among those which have said something of the chunk."""
    for model in job.models:
        if model.name not in said:
            context.board.requeue(job.id, model.name, dataset.positions[chunk])
            enqueue_job(context.board, job, dataset, model.name)
            dispatch(context, model.name)


def _read_scores(place: Place, dataset: Dataset, chunk: str, model: ModelVersion) -> Scores | None:
    """What the model says of the chunk, borrowed if need be; None if it has to be asked."""
    position = dataset.positions[chunk][0]
    path, rows = scores.path(model.name, model.version, chunk), dataset.chunks[position].rows
    try:
        return scores.read(place, model, chunk, rows)
    except BadScores as error:
        log.warning("scores removed, asking again: %s", error)
        place.remove(path)
        return None
    except Absent:
        found = reuse_whole_chunk(place, dataset, position, model)
    if found is not None and not place.create(path, scores.encode(found)):
        return _read_scores(
            place, dataset, chunk, model
        )  # somebody was faster, and is right for all
    return found


def _rejected(job: Job, said: dict[str, Scores]) -> dict[int, str]:
    """The rows of the chunk, in order, that some member could not score: which, and why."""
    found: dict[int, list[str]] = {}
    for model in job.models:
        for row, reason in said[model.name].rejected.items():
            found.setdefault(row, []).append(f"{model.name} {model.version}: {reason}")
    return {row: "; ".join(found[row]) for row in sorted(found)}


def _rejects(chunk: pa.Table, rejected: Mapping[int, str]) -> pa.Table:
    """Schema REJECTS. Without the text where the job keeps no texts."""
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


def _rows(
    context: Context,
    job: Job,
    chunk: pa.Table,
    answers: dict[str, Answer],
    columns: tuple[str, ...],
) -> pa.Table:
    return labelled_rows(
        chunk,
        job.customer,
        answers,
        review_below=ensemble_of(context.place, job).review_below,
        missing=(),
        scored_at=job.submitted_at,
        keep_text=job.keep_text,
        columns=columns,
    )

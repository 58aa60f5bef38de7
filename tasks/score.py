"""Score one cell: a chunk's texts under one model version, into one scores file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa

from storage import feedback, scores
from storage.scores import Float32, Scores
from tasks.context import Context
from tasks.lookup import dataset_of, job_of
from tasks.messages import ReduceChunk, ScoreCell


class LoadedModel(Protocol):
    """A model version in memory."""

    digest: str
    labels: tuple[str, ...]

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities."""
        ...


def score(context: Context, model: Callable[[str, int], AbstractContextManager[LoadedModel]], cell: ScoreCell) -> None:
    """Score the cell unless its file is there, pass the barrier, and ask for `reduce` when all members are in."""
    job = job_of(context.place, cell.job)
    dataset = dataset_of(context.place, job)
    positions = dataset.positions[cell.chunk]
    path = scores.path(cell.model, cell.version, cell.chunk)
    if not context.place.exists(path):
        texts = feedback.read_texts(context.place, dataset, positions[0])
        with model(cell.model, cell.version) as loaded:
            found = Scores(cell.model, cell.version, loaded.digest, loaded.labels, loaded.score(texts))
        # Two workers may score one cell and differ in the last bit; whoever comes first is right for all.
        context.place.create(path, scores.encode(found))
    if context.board.arrived(cell.job, cell.model, positions, [member.name for member in job.models]):
        context.publish(ReduceChunk(cell.job, cell.chunk))

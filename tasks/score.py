"""Score one cell: a chunk's texts under one model version, into one scores file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import time
from typing import Protocol

import numpy as np
import pyarrow as pa

from storage import feedback, scores
from storage.errors import ChorusError
from storage.scores import Float32, Scores
from tasks.board import FirstScores
from tasks.context import Context
from tasks.feed import feed
from tasks.lookup import dataset_of, job_of
from tasks.messages import ReduceChunk, ScoreCell


class OtherModel(ChorusError):
    """The version that a worker holds is not the one the job was submitted with."""

    def __init__(self, cell: ScoreCell, expected: str, found: str) -> None:
        self.cell, self.expected, self.found = cell, expected, found
        super().__init__(
            f"{cell.model} version {cell.version} has the digest {found[:12]} in this worker, and the job was "
            f"submitted with {expected[:12]}: the registry was changed by hand. Restart the workers and submit again."
        )


class NotFinite(ChorusError):
    """A model answered with something that is no probability."""

    def __init__(self, cell: ScoreCell) -> None:
        self.cell = cell
        super().__init__(
            f"{cell.model} version {cell.version} gave values that are not finite for chunk {cell.chunk}. "
            "Nothing of it was stored. Publish a model without this fault."
        )


class LoadedModel(Protocol):
    """A model version in memory."""

    digest: str
    labels: tuple[str, ...]
    loading: float  # seconds since 1970: when loading it began
    loaded: float  # and ended

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities."""
        ...


def score(context: Context, model: Callable[[str, int], AbstractContextManager[LoadedModel]], cell: ScoreCell) -> None:
    """Score the cell unless its file is there, pass the barrier, and ask for `reduce` when all members are in.

    Then ask for the model's next cells.
    """
    job = job_of(context.place, cell.job)
    dataset = dataset_of(context.place, job)
    positions = dataset.positions[cell.chunk]
    path = scores.path(cell.model, cell.version, cell.chunk)
    taken, first = time(), None
    if not context.place.exists(path):
        [member] = [model for model in job.models if (model.name, model.version) == (cell.model, cell.version)]
        texts = feedback.read_texts(context.place, dataset, positions[0])
        with model(cell.model, cell.version) as loaded:
            if loaded.digest != member.digest:
                raise OtherModel(cell, member.digest, loaded.digest)
            values = loaded.score(texts)
            loading, ready = loaded.loading, loaded.loaded
        if not np.isfinite(values).all():
            raise NotFinite(cell)
        found = Scores(cell.model, cell.version, member.digest, loaded.labels, values)
        # Two workers may score one cell and differ in the last bit; whoever comes first is right for all.
        context.place.create(path, scores.encode(found))
        spawned = context.presence.worker.started if context.presence else loading
        first = FirstScores(spawned, loading, ready, taken, time())
    if context.board.arrived(cell.job, cell.model, positions, [member.name for member in job.models], first):
        context.publish(ReduceChunk(cell.job, cell.chunk))
    feed(context, cell.model)

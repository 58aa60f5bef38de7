"""A job without worker processes: datasets and ensembles written directly, steps run one by one."""

from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from storage.names import digest
from storage.records import feedback, jobs
from storage.records.feedback import Chunk, Dataset, UploadSource
from storage.records.jobs import Job
from storage.records.labelled_output import EnsembleVersion, ModelVersion, default_folder
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.broker.step_messages import FinishJob, PublishResults, ReduceChunk, ScoreCell
from tasks.planning.reconcile_job import reconcile
from tasks.steps.finish import finish
from tasks.steps.publish_results import publish_results
from tasks.steps.reduce import reduce
from tasks.steps.score import score

MOOD = ("bad", "good")
PREFIX = "chorus:test:"


class LengthModel:
    """A loaded model whose answer follows from the length of a text."""

    labels = MOOD

    def __init__(self, model):
        self.digest = f"digest of {model}"
        self._weight = 1 / (1 + len(model))

    def score(self, texts):
        good = np.array(
            [self._weight + len(text.as_py()) % 7 / 14 for text in texts], dtype=np.float32
        )
        return np.stack([1 - good, good], axis=1)


def store_dataset(
    place, texts, chunk_rows=2, customer="acme", name="upload", taken_in=None, sources=()
):
    """Store these texts as intake does; `sources`: (donors, new) of each chunk."""
    chunks = []
    for position, first in enumerate(range(0, len(texts), chunk_rows)):
        rows = texts[first : first + chunk_rows]
        table = pa.table(
            {
                "row": list(range(first + 1, first + 1 + len(rows))),
                "id": [f"r{number}" for number in range(first, first + len(rows))],
                "text": rows,
                "clean": pa.nulls(len(rows), pa.string()),
                "extra": pa.array(
                    [[("channel", "web")]] * len(rows), pa.map_(pa.string(), pa.string())
                ),
            }
        )
        place.create(feedback.chunk_path(customer, name, position), feedback.encode_chunk(table))
        donors, new = sources[position] if sources else ((), len(rows))
        identity = feedback.chunk_id(pa.array(rows, pa.string()))
        chunks.append(Chunk(id=identity, rows=len(rows), donors=donors, new=new))
    source = UploadSource(
        name="x",
        format="csv",
        encoding="utf-8",
        text_column="text",
        id_column="id",
        sha256="0" * 64,
    )
    dataset = Dataset(
        customer=customer,
        id=name,
        source=source,
        columns=("channel",),
        rows_in=len(texts),
        rows=len(texts),
        rejected=0,
        reasons={},
        chunk_rows=chunk_rows,
        chunks=tuple(chunks),
        taken_in=taken_in,
    )
    place.create(feedback.dataset_path(customer, name), dataset.encode())
    return dataset


def store_job(place, dataset, models=("bow", "minilm"), **changes):
    """Store a job of one target over version 1 of these models; `changes`: other fields."""
    members = tuple(Member(model=model, weight=1 + at) for at, model in enumerate(models))
    targets = (Target(name="mood", mode="one_of", members=members),)
    version = EnsembleRegistry(place).publish(
        "moods", Ensemble(targets=targets), datetime(2026, 1, 1, tzinfo=UTC)
    )
    fields = {
        "id": "job1",
        "customer": dataset.customer,
        "dataset": dataset.id,
        "ensemble": EnsembleVersion(name="moods", version=version),
        "models": tuple(
            ModelVersion(name=model, version=1, digest=f"digest of {model}") for model in models
        ),
        "out": place.url_of(default_folder(dataset.customer, "job1")),
        "keep_text": True,
        "keep_columns": True,
        "submitted_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    job = Job(**(fields | changes))
    place.create(jobs.job_path(job.id), job.encode())
    return job


class Steps:
    """The steps of jobs, with a list as the queue; `make`: model → a scorer of it."""

    def __init__(self, place, redis, make=LengthModel, topics=None):
        self.make = make
        self.topics = topics
        self.queue = []
        self.scored = []
        self.context = Context(place, Board(redis, PREFIX), self.queue.append)

    def plan(self, job):
        """Reconcile a job, as the reconciler does."""
        reconcile(self.context, job.id)

    def run(self, message):
        """Run one step, as a worker does."""
        if isinstance(message, ScoreCell):
            score(self.context, self, message)
        elif isinstance(message, ReduceChunk):
            reduce(self.context, message)
        elif isinstance(message, FinishJob):
            finish(self.context, message)
        elif isinstance(message, PublishResults):
            publish_results(self.context, self.topics.topic, message)

    def drain(self):
        """Run steps in order until the queue is empty."""
        while self.queue:
            self.run(self.queue.pop(0))

    @contextmanager
    def use(self, model, version):
        """Yield a scorer, see tasks.steps.score.WorkerModels."""
        self.scored.append((model, version))
        yield self.make(model)

    isolated = use  # a fake model cannot end the process


def files_of(job):
    """Return name → bytes of all files in the output of a job."""
    output = job.output
    return {name: output.read(name) for name in output.names("")}


def digests_without_manifest(files):
    """Return name → digest, without the manifest, which names the folder of the rejects."""
    return {name: digest(data) for name, data in files.items() if name != "_manifest.json"}

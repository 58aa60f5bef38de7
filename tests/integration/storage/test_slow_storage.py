"""A job on a place with slow operations: independent reads run concurrently."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.places.place import LocalPlace
from storage.records import feedback
from storage.records.feedback import SourceChunk
from storage.records.jobs import Job
from storage.versions.active_labels import ActiveLabel, read_active_labels, set_active_labels
from tasks.board import keys
from tasks.board.roster import Worker
from tasks.board.worker_profile import WorkerProfile, publish_profile
from tasks.broker.step_messages import FinishJob, ReduceChunk, ScoreCell
from tasks.jobs.reprocess import build_run, store_jobs_of
from tasks.planning.stored_work import read_stored_work
from tasks.steps.finish import finish
from tests.support.models.placeholder_models import publish_ensemble, publish_model
from tests.support.runs.steps import (
    Steps,
    digests_without_manifest,
    files_of,
    store_dataset,
    store_job,
)
from workers.scoring.scoring_worker import update_cells_per_worker

TEXTS = ["fine", "awful service", "ok", "late again"]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class SlowPlace(LocalPlace):
    """A place with concurrency 8. After `meet`, reads of the given files wait for each other."""

    concurrency = 8
    barrier: threading.Barrier | None = None
    files: tuple[str, ...] = ()

    def read(self, path):
        self._wait(path)
        return super().read(path)

    def exists(self, path):
        self._wait(path)
        return super().exists(path)

    def names(self, folder):
        self._wait(folder)
        return super().names(folder)

    @classmethod
    def meet(cls, count, *files):
        """Let reads wait until `count` are in progress; if they come one by one, the step fails."""
        cls.barrier, cls.files = threading.Barrier(count, timeout=10), files

    @classmethod
    def _wait(cls, path):
        if cls.barrier is not None and any(file in path for file in cls.files):
            cls.barrier.wait()


@pytest.fixture
def slow_place(tmp_path, monkeypatch):
    """The root; the output of every job is such a place as well."""
    monkeypatch.setattr(Job, "output", property(lambda job: SlowPlace(Path(job.out))))
    yield SlowPlace(tmp_path / "home")
    SlowPlace.barrier = None


def take_message(steps, kind):
    """Take the next message of this kind from the queue; the others stay."""
    [first, *_] = [message for message in steps.queue if isinstance(message, kind)]
    steps.queue.remove(first)
    return first


def test_a_chunk_is_read_while_its_scores_are_looked_up(slow_place, redis):
    steps, job = Steps(slow_place, redis), store_job(slow_place, store_dataset(slow_place, TEXTS))
    steps.plan(job)
    SlowPlace.meet(2, "scores/", "chunk-")
    steps.run(take_message(steps, ScoreCell))
    assert len(steps.scored) == 1


def test_the_inputs_of_a_part_are_read_concurrently_and_so_are_the_parts_when_the_job_ends(
    slow_place, redis
):
    steps, job = Steps(slow_place, redis), store_job(slow_place, store_dataset(slow_place, TEXTS))
    steps.plan(job)
    while any(isinstance(message, ScoreCell) for message in steps.queue):
        steps.run(take_message(steps, ScoreCell))
    SlowPlace.meet(5, "scores/", "chunk-", "ensemble.json", "part-0000")  # two members
    steps.run(take_message(steps, ReduceChunk))
    SlowPlace.barrier = None
    steps.drain()
    slow_place.remove(f"jobs/{job.id}/ended.json")
    for name in ("_manifest.json", "_SUCCESS"):
        job.output.remove(name)
    SlowPlace.meet(2, "part-0000")
    finish(steps.context, FinishJob(job.id))
    assert job.output.exists("_SUCCESS")


def test_the_source_chunks_of_a_chunk_are_read_concurrently(slow_place, redis):
    first = store_dataset(slow_place, TEXTS)
    steps = Steps(slow_place, redis)
    steps.plan(store_job(slow_place, first, models=("bow",)))
    steps.drain()
    sources = tuple(
        SourceChunk(dataset=first.id, position=position, shared=2) for position in (0, 1)
    )
    later = store_dataset(
        slow_place, ["new", *TEXTS], chunk_rows=5, name="later", sources=[(sources, 1)]
    )
    steps.plan(
        store_job(slow_place, later, models=("bow",), id="job2", out=slow_place.url_of("two"))
    )
    SlowPlace.meet(
        4,
        f"scores/bow/1/{first.chunks[0].id}",
        f"scores/bow/1/{first.chunks[1].id}",
        "upload/chunk-",
    )
    steps.scored.clear()
    steps.run(take_message(steps, ScoreCell))
    assert len(feedback.read_texts(slow_place, later, 0)) == 5
    assert steps.scored == [("bow", 1)]


def test_the_stored_work_of_several_jobs_and_models_is_read_concurrently(slow_place):
    jobs = [
        (store_job(slow_place, dataset, id=name, out=slow_place.url_of(name)), dataset)
        for name in ("one", "two")
        for dataset in [store_dataset(slow_place, TEXTS, name=name)]
    ]
    SlowPlace.meet(2, "")  # parts of both, then scores of both members
    assert [len(work.unwritten) for work in read_stored_work(slow_place, jobs)] == [2, 2]


def test_the_records_of_all_datasets_of_a_run_are_read_concurrently(slow_place):
    publish_model(slow_place, "bow")
    publish_ensemble(slow_place, {"bow": 1})
    for day in (1, 2):
        store_dataset(slow_place, TEXTS, name=f"day-{day}", taken_in=NOW)
    SlowPlace.meet(2, "ended.json")
    run = build_run(slow_place, "acme", name="night", now=NOW)
    SlowPlace.meet(2, "_owner", "job.json")
    assert len(store_jobs_of(slow_place, run)) == 2


def test_the_moves_of_the_active_labels_are_read_concurrently(slow_place):
    for number in range(4):
        set_active_labels(slow_place, "acme", {f"day-{number}": ActiveLabel(job="job", at=NOW)})
    SlowPlace.meet(4, "_current/0")
    assert len(read_active_labels(slow_place, "acme").datasets) == 4


def test_the_worker_of_a_fast_model_gets_more_cells_where_storage_is_slow(
    slow_place, redis, tmp_path
):
    worker = Worker("w", "bow", "m", "idle", 0.0, 0.0, 0, threads=1)
    steps = Steps(slow_place, redis)
    board = steps.context.board
    publish_profile(
        board, "bow", WorkerProfile(rate=300, start_seconds=1, memory=1, row_seconds=1 / 12_000)
    )
    assert update_cells_per_worker(steps.context, worker, 4096) == 3
    assert board.redis.get(board.key(keys.CELLS_PER_WORKER, "bow")) == b"3"
    on_disk = replace(steps.context, place=LocalPlace(tmp_path))
    assert update_cells_per_worker(on_disk, worker, 4096) == 2


def test_labels_are_the_same_on_a_concurrent_place_and_on_a_disk(slow_place, redis, tmp_path):
    outputs = []
    for place in (LocalPlace(tmp_path / "disk"), slow_place):
        redis.flushall()
        steps, job = Steps(place, redis), store_job(place, store_dataset(place, TEXTS))
        steps.plan(job)
        steps.drain()
        outputs.append(digests_without_manifest(files_of(job)))
    assert outputs[0] == outputs[1]

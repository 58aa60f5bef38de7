"""A job on a place that takes its time: reads that do not need each other are under way together."""

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
from tests.support.runs.steps import Steps, files_of, store_dataset, store_job, without_places
from workers.scoring.scoring_worker import prefetch_of

TEXTS = ["fine", "awful service", "ok", "late again"]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Waiting(LocalPlace):
    """Bears several operations at once. While `meet` lasts, who asks for one of these files waits
    for the others.
    """

    concurrency = 8
    met: threading.Barrier | None = None
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
    def meet(cls, many, *files):
        """From now on; if they come in turn, the barrier breaks, and with it the step."""
        cls.met, cls.files = threading.Barrier(many, timeout=10), files

    @classmethod
    def _wait(cls, path):
        if cls.met is not None and any(file in path for file in cls.files):
            cls.met.wait()


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """The root, and the output of every job."""
    monkeypatch.setattr(Job, "output", property(lambda job: Waiting(Path(job.out))))
    yield Waiting(tmp_path / "home")
    Waiting.met = None


def one_of(steps, kind):
    """Take the next message of this kind from the queue; the others stay."""
    [found, *_] = [message for message in steps.queue if isinstance(message, kind)]
    steps.queue.remove(found)
    return found


def test_a_chunk_is_read_while_it_is_asked_whether_it_has_scores(waiting, redis):
    steps, job = Steps(waiting, redis), store_job(waiting, store_dataset(waiting, TEXTS))
    steps.plan(job)
    Waiting.meet(2, "scores/", "chunk-")
    steps.run(one_of(steps, ScoreCell))
    assert len(steps.scored) == 1


def test_all_that_a_part_is_made_of_is_read_at_once_and_so_are_the_parts_when_the_job_ends(
    waiting, redis
):
    steps, job = Steps(waiting, redis), store_job(waiting, store_dataset(waiting, TEXTS))
    steps.plan(job)
    while any(isinstance(message, ScoreCell) for message in steps.queue):
        steps.run(one_of(steps, ScoreCell))
    Waiting.meet(5, "scores/", "chunk-", "ensemble.json", "part-0000")  # two members
    steps.run(one_of(steps, ReduceChunk))
    Waiting.met = None
    steps.drain()
    waiting.remove(f"jobs/{job.id}/ended.json")
    for name in ("_manifest.json", "_SUCCESS"):
        job.output.remove(name)
    Waiting.meet(2, "part-0000")
    finish(steps.context, FinishJob(job.id))
    assert job.output.exists("_SUCCESS")


def test_the_donors_of_a_chunk_are_read_at_once(waiting, redis):
    first = store_dataset(waiting, TEXTS)
    steps = Steps(waiting, redis)
    steps.plan(store_job(waiting, first, models=("bow",)))
    steps.drain()
    donors = tuple(
        SourceChunk(dataset=first.id, position=position, shared=2) for position in (0, 1)
    )
    later = store_dataset(waiting, ["new", *TEXTS], chunk_rows=5, name="later", found=[(donors, 1)])
    steps.plan(store_job(waiting, later, models=("bow",), id="job2", out=waiting.url_of("two")))
    Waiting.meet(
        4,
        f"scores/bow/1/{first.chunks[0].id}",
        f"scores/bow/1/{first.chunks[1].id}",
        "upload/chunk-",
    )
    steps.scored.clear()
    steps.run(one_of(steps, ScoreCell))
    assert len(feedback.read_texts(waiting, later, 0)) == 5
    assert steps.scored == [("bow", 1)]


def test_jobs_and_their_models_are_looked_at_at_once(waiting):
    jobs = [
        (store_job(waiting, dataset, id=name, out=waiting.url_of(name)), dataset)
        for name in ("one", "two")
        for dataset in [store_dataset(waiting, TEXTS, name=name)]
    ]
    Waiting.meet(2, "")  # parts of both, then scores of both members
    assert [len(work.unwritten) for work in read_stored_work(waiting, jobs)] == [2, 2]


def test_all_datasets_of_a_run_are_looked_at_at_once(waiting):
    publish_model(waiting, "bow")
    publish_ensemble(waiting, {"bow": 1})
    for day in (1, 2):
        store_dataset(waiting, TEXTS, name=f"day-{day}", taken_in=NOW)
    Waiting.meet(2, "ended.json")
    run = build_run(waiting, "acme", name="night", now=NOW)
    Waiting.meet(2, "_owner", "job.json")
    assert len(store_jobs_of(waiting, run)) == 2


def test_the_moves_that_say_which_labels_count_are_read_at_once(waiting):
    for number in range(4):
        set_active_labels(waiting, "acme", {f"day-{number}": ActiveLabel(job="job", at=NOW)})
    Waiting.meet(4, "_current/0")
    assert len(read_active_labels(waiting, "acme").datasets) == 4


def test_a_fast_models_worker_says_how_many_cells_it_holds_where_storage_takes_its_time(
    waiting, redis, tmp_path
):
    worker = Worker("w", "bow", "m", "idle", 0.0, 0.0, 0, threads=1)
    steps = Steps(waiting, redis)
    board = steps.context.board
    publish_profile(
        board, "bow", WorkerProfile(rate=300, start_seconds=1, memory=1, row_seconds=1 / 12_000)
    )
    assert prefetch_of(steps.context, worker, 4096) == 3
    assert board.redis.get(board.key(keys.PREFETCH, "bow")) == b"3"
    on_disk = replace(steps.context, place=LocalPlace(tmp_path))
    assert prefetch_of(on_disk, worker, 4096) == 2


def test_labels_are_those_of_a_place_where_everything_comes_in_turn(waiting, redis, tmp_path):
    found = []
    for place in (LocalPlace(tmp_path / "disk"), waiting):
        redis.flushall()
        steps, job = Steps(place, redis), store_job(place, store_dataset(place, TEXTS))
        steps.plan(job)
        steps.drain()
        found.append(without_places(files_of(job)))
    assert found[0] == found[1]

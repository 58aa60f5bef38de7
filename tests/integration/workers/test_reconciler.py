"""The reconciler over a real broker's queues: it queues lost steps again, and no others."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from redis import Redis
from redis.client import Pipeline

from storage.places.place import LocalPlace
from storage.records.feedback import dataset_path
from storage.records.jobs import all_jobs, job_path, open_jobs, read_end
from tasks.board import keys
from tasks.board.job_facts import JobFacts
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.submit import start_job
from tests.support.runs.queued_steps import QueuedSteps
from tests.support.runs.steps import (
    Steps,
    digests_without_manifest,
    files_of,
    store_dataset,
    store_job,
)
from workers.control.reconciler import Reconciler

TEXTS = [f"text number {number}" for number in range(24)]  # by two: 12 chunks


@pytest.fixture
def steps(place, redis, broker):
    return QueuedSteps(place, redis, broker)


@pytest.fixture
def undisturbed(tmp_path, redis):
    place = LocalPlace(tmp_path / "undisturbed")
    job = store_job(place, store_dataset(place, TEXTS))
    steps = Steps(place, redis)
    steps.plan(job)
    steps.drain()
    redis.flushall()
    return digests_without_manifest(files_of(job))


class RecordingTopic:
    """A topic that records what was published: the stable id of each result → its bytes."""

    def __init__(self):
        self.results = {}

    def topic(self, _name):
        return self

    def publish(self, messages):
        for message in messages:
            assert (
                self.results.setdefault(message.attributes["result"], message.data) == message.data
            )


@pytest.mark.parametrize("seed", range(5))
def test_two_reconcilers_at_once_complete_jobs_whose_messages_get_lost_with_the_same_bytes(
    seed, steps, place, undisturbed
):
    """Messages get lost, workers die while they work on one, and the broker loses its data once."""
    rng = random.Random(seed)  # noqa: S311 — no secret
    dataset = store_dataset(place, TEXTS)
    jobs = [
        store_job(place, dataset, id="first", out=place.url_of("first")),
        store_job(
            place,
            dataset,
            id="second",
            out=place.url_of("second"),
            results="projects/p/topics/labels",
        ),
    ]
    steps.topics = RecordingTopic()
    for job in jobs:
        start_job(steps.context, job)
    reconcilers = (Reconciler(steps.context), Reconciler(steps.context))
    losses = [rng.choice((None, steps.die_of)) for _ in range(40)]
    with ThreadPoolExecutor(2) as threads:
        while any(read_end(place, job.id) is None for job in jobs):
            ticks = [threads.submit(reconciler.tick) for reconciler in reconcilers]
            for message in filter(None, (steps.take() for _ in range(rng.randrange(6)))):
                if not losses or rng.random() < 0.6:
                    steps.run(message)
                elif lose := losses.pop():
                    lose(message)
                if len(losses) == 20:
                    steps.context.board.redis.flushall()
            for tick in ticks:
                tick.result()
    assert all(digests_without_manifest(files_of(job)) == undisturbed for job in jobs)
    assert {result.split("/")[0] for result in steps.topics.results} == {"second"}
    assert len(steps.topics.results) == len(TEXTS)


def test_no_step_of_a_healthy_job_is_queued_twice(steps, place):
    job = store_job(place, store_dataset(place, TEXTS))
    start_job(steps.context, job)
    reconciler, worker = Reconciler(steps.context), Worker("w", "bow", "m", "idle", 0.0, 0.0, 0, 1)
    session = WorkerSession(steps.context.board, worker)
    taken = 0
    while message := steps.take():
        taken += 1
        with session.lease(message.step):
            before = steps.waiting()
            reconciler.tick()
            assert steps.waiting() == before
            steps.run(message)
        before = steps.waiting()
        reconciler.tick()
        assert steps.waiting() == before
    assert read_end(place, job.id).status == "done"
    assert taken == 3 * len(TEXTS) // 2, "each chunk: two models, one reduction"
    assert len(steps.scored) == len(TEXTS)


def test_every_reconciler_notices_that_the_board_was_lost(steps, place, redis):
    """The first one may die before it has queued anything again."""
    job = store_job(place, store_dataset(place, TEXTS))
    start_job(steps.context, job)
    dies, lives = Reconciler(steps.context), Reconciler(steps.context)
    for reconciler in (dies, lives):
        reconciler.tick()
    redis.flushall()
    steps.context.board.epoch()
    lives.tick()
    steps.drain()
    assert read_end(place, job.id).status == "done"


DAMAGED = {
    "its job": lambda job: job_path(job.id),
    "its dataset": lambda job: dataset_path(job.customer, job.dataset),
}


def damage(place, path):
    place.remove(path)
    place.create(path, b"{")


@pytest.fixture
def two(place):
    """The jobs a and b; a comes first everywhere."""
    return [
        store_job(place, store_dataset(place, TEXTS, name=name), id=name, out=place.url_of(name))
        for name in ("a", "b")
    ]


def facts(chunks):
    return JobFacts(
        ("bow", "minilm"), 0, "0|acme", None, rows=2 * chunks, chunk_rows=2, chunks=chunks
    )


def put_on_board(board, job):
    """Put a job on the board as before it was damaged: one cell dispatched, others waiting."""
    board.mark_running(job.id, facts(chunks=12), 0)
    for model in ("bow", "minilm"):
        board.redis.zadd(board.key(keys.LANES, model), {"0|acme": 0})
        board.redis.zadd(board.key(keys.LANE, model, "0|acme"), {job.id: -1})
        board.redis.sadd(board.outstanding_keys(model)[1], f"{job.id}/11")


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("on_board", [False, True])
def test_a_job_that_cannot_be_read_does_not_hold_up_the_others(steps, place, two, what, on_board):
    broken, whole = two
    damage(place, DAMAGED[what](broken))
    if on_board:
        put_on_board(steps.context.board, broken)
    Reconciler(steps.context).tick()
    steps.drain()
    assert read_end(place, whole.id).status == "done"
    assert broken.id not in steps.context.board.running()


@pytest.mark.parametrize("what", DAMAGED)
def test_dispatching_cells_of_a_job_that_cannot_be_read_does_not_hold_up_the_own_job(
    steps, place, two, what
):
    broken, whole = two
    damage(place, DAMAGED[what](broken))
    put_on_board(steps.context.board, broken)
    start_job(steps.context, whole)
    steps.drain()
    assert read_end(place, whole.id).status == "done"
    assert steps.context.board.progress(broken.id, []).status == "failed"
    assert {job for job, _ in steps.context.board.outstanding("bow")} == set()


def test_jobs_that_cannot_be_read_are_skipped_and_logged_once(place, two, caplog):
    broken, whole = two
    damage(place, job_path(broken.id))
    place.create("jobs/empty/other.json", b"{}")
    assert all_jobs(place) == [whole]
    assert [record.job for record in caplog.records] == [broken.id]
    assert open_jobs(place) == [whole]


class RecordingPlace(LocalPlace):
    def __init__(self, root):
        super().__init__(root)
        self.read_files = []

    def read(self, path):
        self.read_files.append(path)
        return super().read(path)


def test_a_second_tick_over_hundreds_of_jobs_reads_none_of_their_files_again(steps, tmp_path):
    place = RecordingPlace(tmp_path / "hundreds")
    jobs = [
        store_job(place, store_dataset(place, ["a"], name=f"d{n}"), id=f"job{n}")
        for n in range(200)
    ]
    steps.context = replace(steps.context, place=place)
    for job in jobs:
        steps.context.board.mark_running(job.id, facts(chunks=1), 0)
    reconciler = Reconciler(steps.context)
    reconciler.tick()
    place.read_files.clear()
    reconciler.tick()
    assert place.read_files == []


def test_a_broker_that_becomes_unreachable_while_a_job_is_planned_fails_no_job(steps, place):
    def unreachable(_):
        raise BrokerUnreachable("here", "gone")

    job = store_job(place, store_dataset(place, TEXTS))
    with pytest.raises(BrokerUnreachable):
        Reconciler(replace(steps.context, publish=unreachable)).tick()
    assert read_end(place, job.id) is None


def test_many_waiting_jobs_cost_the_broker_no_more_requests_than_few(steps, place, monkeypatch):
    requests = []
    for kind, name in ((Redis, "execute_command"), (Pipeline, "execute")):
        real = getattr(kind, name)
        monkeypatch.setattr(
            kind,
            name,
            lambda *words, real=real, **options: (requests.append(words), real(*words, **options))[
                1
            ],
        )
    reconciler, counts = Reconciler(steps.context), []
    for jobs in (range(10), range(10, 40)):
        for number in jobs:
            dataset = store_dataset(place, [f"text {number}"], name=f"upload{number}")
            start_job(
                steps.context,
                store_job(place, dataset, id=f"job{number}", out=place.url_of(f"out{number}")),
            )
        reconciler.tick()
        requests.clear()
        reconciler.tick()
        counts.append(len(requests))
    assert counts[1] <= counts[0] + 5

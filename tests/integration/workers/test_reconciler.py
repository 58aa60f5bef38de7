"""The reconciler over a real broker's queues: what was lost is asked for again, what was not is
left alone.
"""

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


class Taken:
    """A topic that has what was published: the stable id of each result → its bytes."""

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
def test_two_reconcilers_at_once_end_jobs_whose_messages_get_lost_with_the_same_bytes(
    seed, steps, place, undisturbed
):
    """Messages get lost, whoever has one dies over it, and once the broker forgets everything."""
    chance = random.Random(seed)  # noqa: S311 — no secret
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
    steps.topics = Taken()
    for job in jobs:
        start_job(steps.context, job)
    reconcilers = (Reconciler(steps.context), Reconciler(steps.context))
    losses = [chance.choice((None, steps.die_of)) for _ in range(40)]
    with ThreadPoolExecutor(2) as threads:
        while any(read_end(place, job.id) is None for job in jobs):
            ticks = [threads.submit(reconciler.tick) for reconciler in reconcilers]
            for message in filter(None, (steps.take() for _ in range(chance.randrange(6)))):
                if not losses or chance.random() < 0.6:
                    steps.run(message)
                elif lose := losses.pop():
                    lose(message)
                if len(losses) == 20:
                    steps.context.board.redis.flushall()
            for sweep in ticks:
                sweep.result()
    assert all(digests_without_manifest(files_of(job)) == undisturbed for job in jobs)
    assert {result.split("/")[0] for result in steps.topics.results} == {"second"}
    assert len(steps.topics.results) == len(TEXTS)


def test_nothing_of_a_healthy_job_is_asked_for_twice(steps, place):
    job = store_job(place, store_dataset(place, TEXTS))
    start_job(steps.context, job)
    reconciler, worker = Reconciler(steps.context), Worker("w", "bow", "m", "idle", 0.0, 0.0, 0, 1)
    presence = WorkerSession(steps.context.board, worker)
    taken = 0
    while message := steps.take():
        taken += 1
        with presence.lease(message.step):
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


def test_a_board_that_forgot_everything_is_noticed_by_all_reconcilers(steps, place, redis):
    """The first may die before it has done anything about it."""
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


def tell(board, job):
    """Somebody has put the job on the board before it was damaged: a cell is in work, and others
    are next.
    """
    board.mark_running(job.id, facts(chunks=12), 0)
    for model in ("bow", "minilm"):
        board.redis.zadd(board.key(keys.LANES, model), {"0|acme": 0})
        board.redis.zadd(board.key(keys.LANE, model, "0|acme"), {job.id: -1})
        board.redis.sadd(board.outstanding_keys(model)[1], f"{job.id}/11")


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("told", [False, True])
def test_one_job_that_cannot_be_read_does_not_keep_the_others_from_going_on(
    steps, place, two, what, told
):
    broken, whole = two
    damage(place, DAMAGED[what](broken))
    if told:
        tell(steps.context.board, broken)
    Reconciler(steps.context).tick()
    steps.drain()
    assert read_end(place, whole.id).status == "done"
    assert broken.id not in steps.context.board.running()


@pytest.mark.parametrize("what", DAMAGED)
def test_who_is_given_cells_of_a_job_that_cannot_be_read_goes_on_with_his_own(
    steps, place, two, what
):
    broken, whole = two
    damage(place, DAMAGED[what](broken))
    tell(steps.context.board, broken)
    start_job(steps.context, whole)
    steps.drain()
    assert read_end(place, whole.id).status == "done"
    assert steps.context.board.progress(broken.id, []).status == "failed"
    assert {job for job, _ in steps.context.board.outstanding("bow")} == set()


def test_jobs_that_cannot_be_read_are_left_out_and_named_once(place, two, caplog):
    broken, whole = two
    damage(place, job_path(broken.id))
    place.create("jobs/empty/other.json", b"{}")
    assert all_jobs(place) == [whole]
    assert [record.job for record in caplog.records] == [broken.id]
    assert open_jobs(place) == [whole]


class Counting(LocalPlace):
    def __init__(self, root):
        super().__init__(root)
        self.read_files = []

    def read(self, path):
        self.read_files.append(path)
        return super().read(path)


def test_a_look_at_hundreds_of_jobs_does_not_read_their_files_again(steps, tmp_path):
    place = Counting(tmp_path / "hundreds")
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


def test_a_broker_that_goes_away_while_a_job_is_planned_fails_no_job(steps, place):
    def away(_):
        raise BrokerUnreachable("here", "gone")

    job = store_job(place, store_dataset(place, TEXTS))
    with pytest.raises(BrokerUnreachable):
        Reconciler(replace(steps.context, publish=away)).tick()
    assert read_end(place, job.id) is None


def test_many_jobs_that_wait_cost_the_broker_no_more_questions_than_few(steps, place, monkeypatch):
    asked = []
    for kind, name in ((Redis, "execute_command"), (Pipeline, "execute")):
        real = getattr(kind, name)
        monkeypatch.setattr(
            kind,
            name,
            lambda *words, real=real, **options: (asked.append(words), real(*words, **options))[1],
        )
    reconciler, questions = Reconciler(steps.context), []
    for jobs in (range(10), range(10, 40)):
        for number in jobs:
            dataset = store_dataset(place, [f"text {number}"], name=f"upload{number}")
            start_job(
                steps.context,
                store_job(place, dataset, id=f"job{number}", out=place.url_of(f"out{number}")),
            )
        reconciler.tick()
        asked.clear()
        reconciler.tick()
        questions.append(len(asked))
    assert questions[1] <= questions[0] + 5

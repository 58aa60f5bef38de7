"""The pools of one machine on a real board, with children that do what a test says."""

from dataclasses import replace
from pathlib import Path

import pytest

from chorus.common.settings import from_environment
from chorus.service.worker import describe_process
from tasks.board import keys
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.publish_progress import set_published_parts
from tasks.board.roster import Roster
from tasks.jobs.submit import start_job
from tests.support.runs.steps import PREFIX, store_dataset, store_job
from workers.autoscaling import pool_manager
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.pool_manager import PoolManager


class FakeChild:
    """A process that runs until it is told to end."""

    log = Path("worker.log")

    def __init__(self, worker):
        self.worker, self.status, self.terminated = worker, None, False

    def exit_status(self):
        return self.status

    def kill(self):
        self.status = -9

    def terminate(self):
        self.terminated = True

    def log_tail(self):
        return ""


class Machine:
    """Pools with a clock of their own; a look a second."""

    def __init__(self, place, redis, monkeypatch, **limits):
        self.now, self.children = 0.0, []
        self.context = Context(place, Board(redis, PREFIX), [].append)
        self.roster = Roster(self.context.board)
        monkeypatch.setattr(pool_manager, "monotonic", lambda: self.now)
        budget = Budget("this-abc123", cores=1, memory=10**9)
        self.pools = PoolManager(
            self.context, self._start, lambda _: Limits(threads=1, **limits), budget
        )

    def _start(self, worker):
        self.children.append(FakeChild(worker))
        return self.children[-1]

    def ask(self, place):
        start_job(self.context, store_job(place, store_dataset(place, ["a text"]), models=("bow",)))

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.now += 1
            self.pools.tick()

    def hear(self, child, **changes):
        """The child has spoken, as it does with each beat."""
        self.roster.put(replace(child.worker, since=child.worker.since - 1, **changes))

    def state(self):
        return [worker.state for worker in self.roster.workers()]


@pytest.fixture
def machine(place, redis, monkeypatch):
    machine = Machine(place, redis, monkeypatch)
    machine.ask(place)
    machine.tick()
    return machine


def test_a_child_is_on_the_roster_until_it_speaks_for_itself(machine):
    [child] = machine.children
    for _ in range(100):
        machine.roster.remove([child.worker.id])  # its time ran out
        machine.tick()
        assert machine.state() == ["starting"]
    assert child.status is None


def test_a_child_that_has_spoken_and_falls_silent_is_killed_and_replaced(machine):
    """A frozen process cannot watch itself."""
    [frozen] = machine.children
    machine.hear(frozen)
    machine.tick()
    lease = machine.context.board.key(keys.LEASE, "step")
    machine.context.board.redis.set(lease, frozen.worker.id)
    machine.roster.remove([frozen.worker.id])
    machine.tick(25)
    assert frozen.status is None
    machine.tick(10)
    assert frozen.status == -9
    machine.tick()
    assert len(machine.children) == 2
    assert machine.context.board.redis.get(lease) is None


def test_children_whose_broker_forgot_them_or_was_away_are_left_alone(machine):
    [child] = machine.children
    for _ in range(20):
        machine.hear(child)
        machine.tick()
        machine.context.board.redis.flushall()
        machine.tick(6)  # until its next beat
    machine.now += 100  # the broker was away, and nobody could look
    machine.tick(6)
    assert child.status is None
    assert len(machine.children) == 1


def test_a_worker_that_did_not_find_itself_on_the_roster_is_still_of_this_machine(machine):
    [child] = machine.children
    machine.hear(child, machine="this", started=child.worker.started + 9, state="idle")
    machine.tick()
    [worker] = machine.pools.workers
    assert (worker.machine, worker.started) == ("this-abc123", child.worker.started)
    assert worker.state == "idle"


def test_a_worker_that_is_being_stopped_is_seen_to_be(place, redis, monkeypatch):
    machine = Machine(place, redis, monkeypatch, keep_warm=0.0)
    machine.ask(place)
    machine.tick()
    [child] = machine.children
    redis.flushall()  # nothing is asked any more
    machine.hear(child, state="idle")
    machine.tick(2)
    assert child.terminated
    assert machine.state() == ["stopping"]
    machine.hear(child, state="idle")  # a beat on its way out
    machine.tick()
    assert machine.state() == ["stopping"]


def test_what_a_child_says_first_differs_from_what_was_said_for_it(machine):
    """Or a worker that freezes while it loads its model would seem not to have come up yet."""
    [child] = machine.children
    settings = from_environment({})
    said = describe_process(machine.context, settings, "bow", 1, child.worker.id)
    assert said.since > child.worker.since
    assert replace(said, since=child.worker.since) == child.worker


def test_a_model_that_is_declared_larger_than_the_machine_is_said_to_wait(
    place, redis, monkeypatch, caplog
):
    machine = Machine(place, redis, monkeypatch, memory=2 * 10**9)
    machine.ask(place)
    machine.tick(3)
    assert not machine.children
    [said] = [record.getMessage() for record in caplog.records]
    assert "bow needs 2000 MB and all workers here may take 1000" in said


def test_a_job_that_only_waits_for_its_topic_does_not_fail_with_a_model_that_no_longer_starts(
    machine, place
):
    board = machine.context.board
    dataset = store_dataset(place, ["b"], name="other")
    topic = "projects/p/topics/labels"
    waits = store_job(
        place, dataset, models=("bow",), id="waits", out=place.url_of("waits"), results=topic
    )
    start_job(machine.context, waits)
    set_published_parts(board, waits.id, 0)
    for _ in range(100):
        machine.children[-1].status = 1
        machine.tick()
    assert board.progress("job1", []).status == "failed"
    assert board.progress(waits.id, []).status == "running"


def test_a_job_does_not_fail_with_workers_that_found_storage_away(machine):
    board = machine.context.board
    for _ in range(200):
        machine.children[-1].status = pool_manager.EXIT_STORAGE_UNAVAILABLE
        machine.tick()
    assert board.progress("job1", []).status == "running"
    assert 5 <= len(machine.children) <= 10, "one is started every 30 s"

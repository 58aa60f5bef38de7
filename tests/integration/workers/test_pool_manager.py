"""The pool manager of one machine on a real board, with fake child processes."""

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
    """A process that runs until a test ends it."""

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


class ManagedMachine:
    """A pool manager with a clock of its own, and a tick a second."""

    def __init__(self, place, redis, monkeypatch, **limits):
        self.now, self.children = 0.0, []
        self.context = Context(place, Board(redis, PREFIX), [].append)
        self.roster = Roster(self.context.board)
        monkeypatch.setattr(pool_manager, "monotonic", lambda: self.now)
        budget = Budget("this-abc123", cores=1, memory=10**9)
        self.manager = PoolManager(
            self.context, self._start, lambda _: Limits(threads=1, **limits), budget
        )

    def _start(self, worker):
        self.children.append(FakeChild(worker))
        return self.children[-1]

    def submit_job(self, place):
        start_job(self.context, store_job(place, store_dataset(place, ["a text"]), models=("bow",)))

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.now += 1
            self.manager.tick()

    def heartbeat(self, child, **changes):
        """Write the child's roster entry, as each of its heartbeats does."""
        self.roster.put(replace(child.worker, since=child.worker.since - 1, **changes))

    def states(self):
        return [worker.state for worker in self.roster.workers()]


@pytest.fixture
def machine(place, redis, monkeypatch):
    machine = ManagedMachine(place, redis, monkeypatch)
    machine.submit_job(place)
    machine.tick()
    return machine


def test_the_manager_keeps_a_child_on_the_roster_until_its_first_heartbeat(machine):
    [child] = machine.children
    for _ in range(100):
        machine.roster.remove([child.worker.id])  # it has expired
        machine.tick()
        assert machine.states() == ["starting"]
    assert child.status is None


def test_a_child_whose_heartbeats_stop_is_killed_and_replaced(machine):
    """A frozen process cannot watch itself."""
    [frozen] = machine.children
    machine.heartbeat(frozen)
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


def test_children_live_on_when_the_broker_lost_their_entries_or_was_unreachable(machine):
    [child] = machine.children
    for _ in range(20):
        machine.heartbeat(child)
        machine.tick()
        machine.context.board.redis.flushall()
        machine.tick(6)  # until its next heartbeat
    machine.now += 100  # no tick while the broker was unreachable
    machine.tick(6)
    assert child.status is None
    assert len(machine.children) == 1


def test_a_worker_that_did_not_find_its_roster_entry_is_still_of_this_machine(machine):
    [child] = machine.children
    machine.heartbeat(child, machine="this", started=child.worker.started + 9, state="idle")
    machine.tick()
    [worker] = machine.manager.workers
    assert (worker.machine, worker.started) == ("this-abc123", child.worker.started)
    assert worker.state == "idle"


def test_a_worker_that_is_being_stopped_is_shown_as_stopping(place, redis, monkeypatch):
    machine = ManagedMachine(place, redis, monkeypatch, keep_warm=0.0)
    machine.submit_job(place)
    machine.tick()
    [child] = machine.children
    redis.flushall()  # no job is left
    machine.heartbeat(child, state="idle")
    machine.tick(2)
    assert child.terminated
    assert machine.states() == ["stopping"]
    machine.heartbeat(child, state="idle")  # a heartbeat before its end
    machine.tick()
    assert machine.states() == ["stopping"]


def test_the_first_heartbeat_of_a_child_differs_from_the_entry_written_for_it(machine):
    """Else a worker that freezes while it loads its model would count as starting."""
    [child] = machine.children
    settings = from_environment({})
    first = describe_process(machine.context, settings, "bow", 1, child.worker.id)
    assert first.since > child.worker.since
    assert replace(first, since=child.worker.since) == child.worker


def test_a_model_that_is_declared_larger_than_the_machine_is_warned_of(
    place, redis, monkeypatch, caplog
):
    machine = ManagedMachine(place, redis, monkeypatch, memory=2 * 10**9)
    machine.submit_job(place)
    machine.tick(3)
    assert not machine.children
    [warning] = [record.getMessage() for record in caplog.records]
    assert "bow needs 2000 MB and all workers here may take 1000" in warning


def test_a_job_whose_results_are_being_published_does_not_fail_when_its_model_no_longer_starts(
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


def test_a_job_does_not_fail_when_workers_end_because_storage_is_unavailable(machine):
    board = machine.context.board
    for _ in range(200):
        machine.children[-1].status = pool_manager.EXIT_STORAGE_UNAVAILABLE
        machine.tick()
    assert board.progress("job1", []).status == "running"
    assert 5 <= len(machine.children) <= 10, "one is started every 30 s"

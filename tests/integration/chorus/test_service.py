"""`chorus up` at each tick when something fails, with fake child processes."""

import logging
from pathlib import Path

import pytest

from chorus.common.settings import from_environment
from chorus.service import service
from chorus.service.service import Service
from tasks.board.board import Board
from tasks.board.bridge_roster import Bridge, BridgeRoster
from tasks.board.context import Context
from tasks.board.roster import Roster, Worker
from tests.support.runs.steps import PREFIX
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.processes import supervisor
from workers.processes.embedded_broker import BrokerHandle


class FakeServiceChild:
    log = Path("control.log")

    def __init__(self, name, command, *_):
        self.name, self.command = name, command[command.index("chorus") + 1 :]
        self.identity, self.status = command[command.index("--id") + 1], None

    def exit_status(self):
        return self.status

    def kill(self):
        self.status = -9

    def stop(self, grace):
        """Replaced by a test that ticked."""

    def log_tail(self):
        return "The metrics cannot be served"


class TickedService:
    """A service with a fake clock and one tick a second."""

    def __init__(self, place, redis, broker, monkeypatch, **arguments):
        self.now, self.children = 0.0, []
        monkeypatch.setattr(supervisor, "monotonic", lambda: self.now)
        monkeypatch.setattr(service, "ChildProcess", self._start)
        self.context = Context(place, Board(redis, PREFIX), [].append)
        budget = Budget("here", cores=1, memory=10**9)
        settings = from_environment({})
        self.service = Service(
            settings, BrokerHandle(broker), self.context, lambda _: Limits(), budget, **arguments
        )

    def _start(self, *arguments):
        self.children.append(FakeServiceChild(*arguments))
        return self.children[-1]

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.now += 1
            self.service.tick()


@pytest.fixture
def ticked(place, redis, broker, monkeypatch):
    return TickedService(place, redis, broker, monkeypatch)


@pytest.fixture
def ticked_with_bridge(place, redis, broker, monkeypatch):
    return TickedService(place, redis, broker, monkeypatch, bridge=True)


def test_a_control_worker_that_keeps_ending_is_restarted_after_growing_pauses_with_its_log_quoted(
    ticked, monkeypatch
):
    messages = []
    monkeypatch.setattr(
        "workers.processes.supervisor.log.warning",
        lambda line, *words: messages.append(line % words),
    )
    for _ in range(100):
        ticked.children[-1].status = 1
        ticked.tick()
    assert len(ticked.children) == 1 + 7, "after 1, 2, 4, 8, 16, 30 and 30 seconds"
    assert "The metrics cannot be served" in "\n".join(messages)
    ticked.tick(70)
    assert len(ticked.children) == 1 + 8, "and this one runs"
    ticked.children[-1].status = 1
    ticked.tick()
    assert len(ticked.children) == 1 + 9, "it had run for long, so at once"


def test_a_control_worker_without_heartbeats_is_killed_and_replaced(ticked):
    [control] = ticked.children
    ticked.tick(100)
    assert control.status is None, "it has not come up yet"
    roster = Roster(ticked.context.board)
    roster.put(Worker(control.identity, "", "here", "idle", 0.0, 0.0, 0, 1))
    ticked.tick()
    roster.remove([control.identity])
    ticked.tick(25)
    assert control.status is None
    ticked.tick(15)
    assert control.status == -9
    assert len(ticked.children) == 2


def test_a_bridge_is_started_only_if_requested(ticked, ticked_with_bridge):
    assert [child.command[0] for child in ticked.children] == ["worker"]
    assert [child.command for child in ticked_with_bridge.children][1] == [
        "bridge",
        "--id",
        ticked_with_bridge.children[1].identity,
    ]


def test_a_dead_bridge_is_replaced_and_removed_from_the_roster(ticked_with_bridge):
    control, dead = ticked_with_bridge.children
    bridges = BridgeRoster(ticked_with_bridge.context.board)
    bridges.put(Bridge(dead.identity, "projects/p/subscriptions/s", "pulling", 0.0, "", 7))
    dead.status = -9
    ticked_with_bridge.tick(2)
    assert bridges.all() == []
    assert [child.command[0] for child in ticked_with_bridge.children] == [
        "worker",
        "bridge",
        "bridge",
    ]
    assert ticked_with_bridge.children[2].identity != dead.identity
    assert control.status is None


def test_the_bridge_is_stopped_first_and_the_control_worker_last_within_one_grace(
    ticked_with_bridge, monkeypatch
):
    order = []
    monkeypatch.setattr(
        FakeServiceChild, "stop", lambda child, grace: order.append((child.name, grace))
    )
    monkeypatch.setattr(
        ticked_with_bridge.service.pools, "stop", lambda grace: order.append(("pools", grace))
    )
    ticked_with_bridge.service.stop(60)
    assert [name for name, _ in order] == ["bridge", "pools", "control"]
    assert sorted((grace for _, grace in order), reverse=True) == [grace for _, grace in order], (
        "in all, not for each"
    )


def test_a_storage_error_in_a_tick_does_not_end_the_service(ticked, monkeypatch, caplog):
    def fails():
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(ticked.service.pools, "tick", fails)
        ticked.tick()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "the disk is gone" in str(record.exc_info[1])
    ticked.tick()
    assert len(caplog.records) == 1

"""What `chorus up` does when something fails, with children that do what a test says."""

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


class FakeChild:
    log = Path("control.log")

    def __init__(self, name, command, *_):
        self.name, self.command = name, command[command.index("chorus") + 1 :]
        self.identity, self.status = command[command.index("--id") + 1], None

    def exit_status(self):
        return self.status

    def kill(self):
        self.status = -9

    def stop(self, grace):
        """Replaced by a test that looks."""

    def log_tail(self):
        return "The metrics cannot be served"


class Looks:
    """A service with a clock of its own; a look a second."""

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
        self.children.append(FakeChild(*arguments))
        return self.children[-1]

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.now += 1
            self.service.tick()


@pytest.fixture
def looks(place, redis, broker, monkeypatch):
    return Looks(place, redis, broker, monkeypatch)


@pytest.fixture
def bridged(place, redis, broker, monkeypatch):
    return Looks(place, redis, broker, monkeypatch, bridge=True)


def test_a_control_worker_that_ends_again_and_again_is_started_more_and_more_rarely_and_quoted(
    looks, monkeypatch
):
    said = []
    monkeypatch.setattr(
        "workers.processes.supervisor.log.warning", lambda line, *words: said.append(line % words)
    )
    for _ in range(100):
        looks.children[-1].status = 1
        looks.tick()
    assert len(looks.children) == 1 + 7, "after 1, 2, 4, 8, 16, 30 and 30 seconds"
    assert "The metrics cannot be served" in "\n".join(said)
    looks.tick(70)
    assert len(looks.children) == 1 + 8, "and this one runs"
    looks.children[-1].status = 1
    looks.tick()
    assert len(looks.children) == 1 + 9, "it had run for long, so at once"


def test_a_control_worker_that_falls_silent_is_killed_and_replaced(looks):
    [control] = looks.children
    looks.tick(100)
    assert control.status is None, "it has not come up yet"
    roster = Roster(looks.context.board)
    roster.put(Worker(control.identity, "", "here", "idle", 0.0, 0.0, 0, 1))
    looks.tick()
    roster.remove([control.identity])
    looks.tick(25)
    assert control.status is None
    looks.tick(15)
    assert control.status == -9
    assert len(looks.children) == 2


def test_a_bridge_runs_only_where_one_is_asked_for(looks, bridged):
    assert [child.command[0] for child in looks.children] == ["worker"]
    assert [child.command for child in bridged.children][1] == [
        "bridge",
        "--id",
        bridged.children[1].identity,
    ]


def test_a_bridge_that_dies_is_replaced_and_forgotten_and_the_control_worker_stays(bridged):
    control, dead = bridged.children
    bridges = BridgeRoster(bridged.context.board)
    bridges.put(Bridge(dead.identity, "projects/p/subscriptions/s", "pulling", 0.0, "", 7))
    dead.status = -9
    bridged.tick(2)
    assert bridges.all() == []
    assert [child.command[0] for child in bridged.children] == ["worker", "bridge", "bridge"]
    assert bridged.children[2].identity != dead.identity
    assert control.status is None


def test_the_bridge_is_stopped_first_so_that_no_more_comes_in(bridged, monkeypatch):
    order = []
    monkeypatch.setattr(FakeChild, "stop", lambda child, grace: order.append((child.name, grace)))
    monkeypatch.setattr(bridged.service.pools, "stop", lambda grace: order.append(("pools", grace)))
    bridged.service.stop(60)
    assert [name for name, _ in order] == ["bridge", "pools", "control"]
    assert sorted((grace for _, grace in order), reverse=True) == [grace for _, grace in order], (
        "in all, not for each"
    )


def test_a_storage_that_fails_in_a_look_does_not_end_the_service(looks, monkeypatch, caplog):
    def fails():
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(looks.service.pools, "tick", fails)
        looks.tick()
    [said] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "the disk is gone" in str(said.exc_info[1])
    looks.tick()
    assert len(caplog.records) == 1

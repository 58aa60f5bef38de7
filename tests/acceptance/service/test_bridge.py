"""Bridges as real processes: killed at every step, two at once, stopped."""

import json
import signal
from collections import Counter
from contextlib import contextmanager

import pytest
from google.cloud.pubsub_v1 import PublisherClient

from storage.places.place import LocalPlace
from storage.records import feedback, jobs
from tasks.board.board import Board
from tasks.board.bridge_roster import BridgeRoster
from tasks.board.keys import key_prefix
from tests.support.runs.command import Command, with_site
from tests.support.runs.waiting import wait_until
from tests.support.servers.pubsub_server import pubsub_process

MESSAGES = "projects/tests/topics/feedback"
DEAD = "projects/tests/topics/dead"
SUBSCRIPTION = "projects/tests/subscriptions/feedback"

# Code that a bridge process runs first: the process kills itself at the step that the file names.
KILL = """
import os, signal
from pathlib import Path
step = Path({mark!r}).read_text()

def killed(function, after=False):
    def end(*arguments, **named):
        if after:
            function(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    return end

from intake.messages.subscription import Subscription
from workers.bridge import batch_writer
from workers.bridge.pull_loop import PullLoop
batch_writer._ABANDON_SECONDS = 0.0  # another bridge takes over at once
if step == "received":
    PullLoop._add = killed(PullLoop._add)
if step == "gathered":
    batch_writer.BatchWriter.write = killed(batch_writer.BatchWriter.write)
if step == "claimed":
    batch_writer.submit_batch = killed(batch_writer.submit_batch)
if step == "stored":
    batch_writer.submit_batch = killed(batch_writer.submit_batch, after=True)
if step == "acknowledged":
    Subscription.acknowledge = killed(Subscription.acknowledge, after=True)
"""


@pytest.fixture
def pubsub(monkeypatch):
    with pubsub_process() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        yield server


@pytest.fixture
def world(pubsub, home, redis, broker):
    return BridgeWorld(pubsub, home, redis, broker)


class BridgeWorld:
    """A Pub/Sub server, a root, a broker, and bridges, without workers."""

    def __init__(self, server, home, redis, broker):
        self.server, self.place = server, LocalPlace(home)
        self.bridges = BridgeRoster(Board(redis, key_prefix(self.place)))
        self.settings = {
            "CHORUS_BROKER_URL": broker.url,
            "CHORUS_SUBSCRIPTION": SUBSCRIPTION,
            "CHORUS_DEAD_LETTER_TOPIC": DEAD,
            "CHORUS_GATHER_MS": "50",
        }
        self.home = home

    @contextmanager
    def bridge(self, **settings):
        with Command(self.home, **{**self.settings, **settings}).start(
            "bridge", "--create"
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def pulling(self, count=1):
        wait_until(
            lambda: [one.state for one in self.bridges.all()] == ["pulling"] * count, "the bridges"
        )

    def publish(self, *bodies):
        with PublisherClient() as publisher:
            data = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in bodies]
            for one in [publisher.publish(MESSAGES, each) for each in data]:
                one.result(timeout=20)

    def wait_until_all_is_acknowledged(self, messages):
        def done():
            state = self.server.inspect(subscription=SUBSCRIPTION)
            return (
                len(state["acks"]) == messages and not state["waiting"] and not state["outstanding"]
            )

        wait_until(done, f"{messages} acknowledgements")

    def stored(self):
        """Return the ids of all stored feedback."""
        return sorted(
            id_
            for dataset in feedback.datasets(self.place, "plain")
            for id_ in feedback.read_chunk(self.place, dataset, 0, ["id"])["id"].to_pylist()
        )

    def check(self, bodies):
        """Assert that each message is stored once, and each dataset has one job."""
        assert self.stored() == sorted(body["id"] for body in bodies)
        datasets = [dataset.id for dataset in feedback.datasets(self.place, "plain")]
        assert sorted(job.dataset for job in jobs.all_jobs(self.place)) == sorted(datasets)


def make_messages(count, start=0):
    return [
        {"id": f"r{number:05d}", "customer": "plain", "text": "fine"}
        for number in range(start, start + count)
    ]


def test_a_bridge_killed_at_any_step_loses_no_message_and_labels_none_twice(world, tmp_path):
    mark = tmp_path / "step"
    mark.write_text("")
    site = with_site(tmp_path, KILL.format(mark=str(mark)))
    world.server.set_faults(subscription=SUBSCRIPTION, max_lease=0.2)
    bodies = []
    for step in ("received", "gathered", "claimed", "stored", "acknowledged"):
        mark.write_text(step)
        with world.bridge(PYTHONPATH=site) as process:
            wait_until(lambda: SUBSCRIPTION in str(world.bridges.all()), "the bridge")
            bodies += make_messages(3, len(bodies))
            world.publish(*bodies[-3:])
            assert process.wait(timeout=60) == -signal.SIGKILL, step
    mark.write_text("nowhere")
    with world.bridge(PYTHONPATH=site):
        world.wait_until_all_is_acknowledged(len(bodies))
    world.check(bodies)


def test_two_bridges_share_a_subscription_that_redelivers_messages(world):
    faults = {"copies": 3, "break_every": 1.0, "shuffle": 3, "release_at_once": True}
    world.server.set_faults(subscription=SUBSCRIPTION, **faults)
    good, broken = make_messages(1900), [b"%d is no object" % number for number in range(100)]
    with world.bridge() as one, world.bridge() as other:
        world.pulling(2)
        for start in range(0, 1900, 190):
            world.publish(*good[start : start + 190], *broken[start // 19 : start // 19 + 10])
        world.wait_until_all_is_acknowledged(2000)
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
    world.check(good)
    letters = Counter(letter["data"] for letter in world.server.published(topic=DEAD))
    assert set(letters) == {data.decode() for data in broken}
    assert world.server.inspect(subscription=SUBSCRIPTION)["streams_opened"] > 2
    assert world.bridges.outcomes()["stored"] == 1900


def test_a_stopped_bridge_stores_and_acknowledges_its_gathered_messages(world):
    with world.bridge(CHORUS_GATHER_MS="60000") as process:
        world.pulling()
        world.publish(*make_messages(20))
        wait_until(lambda: world.bridges.all()[0].held == 20, "the messages")
        assert world.stored() == []
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err.decode()
    assert b"Traceback" not in err, err.decode()
    world.check(make_messages(20))
    world.wait_until_all_is_acknowledged(20)
    assert world.bridges.all() == []


def test_a_bridge_without_a_subscription_or_a_broker_is_refused_with_what_to_set(home):
    assert "CHORUS_SUBSCRIPTION" in Command(home).here("bridge").err
    without = Command(home, CHORUS_SUBSCRIPTION=SUBSCRIPTION).here("bridge")
    assert (without.status, "CHORUS_BROKER_URL" in without.err) == (2, True)
    bad = Command(home, CHORUS_SUBSCRIPTION="feedback").here("bridge")
    assert (bad.status, "projects/my-project/subscriptions/feedback" in bad.err) == (2, True)

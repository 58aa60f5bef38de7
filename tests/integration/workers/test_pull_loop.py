"""The pull loop: from a subscription to storage, with Google's client and a faulty server."""

import json
import os
import shutil
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.subscriber._protocol.heartbeater import Heartbeater

from intake.messages.batcher import Batcher
from intake.messages.dead_letters import DeadLetters
from intake.messages.subscription import Subscription
from intake.messages.topic import Topics
from storage.places.place import CannotWrite, LocalPlace
from storage.records import feedback
from tasks.board.bridge_roster import BridgeRoster
from tasks.board.message_dedup import MessageDedup
from tests.support.runs.steps import Steps
from tests.support.runs.waiting import wait_until
from tests.support.servers.pubsub_server import pubsub_server
from workers.bridge import bridge_status, pull_loop
from workers.bridge.batch_writer import BatchWriter
from workers.bridge.bridge_status import BridgeStatus
from workers.bridge.pull_loop import PullLoop

MESSAGES = "projects/tests/topics/feedback"
DEAD = "projects/tests/topics/dead"
SUBSCRIPTION = "projects/tests/subscriptions/feedback"


@pytest.fixture
def world(registry, redis, tmp_path, monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        yield LoopWorld(server, LocalPlace(shutil.copytree(registry, tmp_path / "home")), redis)


class LoopWorld:
    """A topic, a subscription to it, a root and a broker."""

    def __init__(self, server, place, redis):
        self.server, self.place, self.steps = server, place, Steps(place, redis)
        self.bridges = BridgeRoster(self.steps.context.board)
        with PublisherClient() as publisher:
            for topic in (MESSAGES, DEAD):
                publisher.create_topic(name=topic)

    def subscribe(self, **config):
        with SubscriberClient() as subscriber:
            subscriber.create_subscription(
                request={"name": SUBSCRIPTION, "topic": MESSAGES, **config}
            )

    def publish(self, *bodies):
        """Publish messages with these bodies: bytes as they are, others as JSON."""
        with PublisherClient() as publisher:
            messages = [
                body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies
            ]
            for future in [publisher.publish(MESSAGES, data) for data in messages]:
                future.result(timeout=20)

    @contextmanager
    def bridge(
        self, *, rows=100, seconds=0.05, is_customer={"plain", "acme"}.__contains__, batcher=None
    ):
        """Run a pull loop while the block lasts."""
        context = self.steps.context
        with Topics() as topics:
            writer = BatchWriter(
                context,
                MessageDedup(self.place, context.board, 3600),
                DeadLetters(self.place, topics.topic(DEAD)),
                results=None,
                max_chars=100,
            )
            subscription = Subscription(SUBSCRIPTION, 1000, 10**7)
            loop = PullLoop(
                BridgeStatus(f"bridge-{os.urandom(2).hex()}", SUBSCRIPTION, self.bridges),
                subscription,
                is_customer,
                writer,
                batcher or Batcher(rows, seconds),
            )
            loop.start()
            try:
                yield loop
            finally:
                loop.stop()
                loop.join()

    def stored(self):
        """Return the ids of all stored feedback of all customers."""
        return sorted(
            id_
            for customer in feedback.customers(self.place)
            for dataset in feedback.datasets(self.place, customer)
            for id_ in feedback.read_chunk(self.place, dataset, 0, ["id"])["id"].to_pylist()
        )

    def wait_until_all_is_acknowledged(self, messages):
        def done():
            state = self.server.inspect(subscription=SUBSCRIPTION)
            return (
                len(state["acks"]) == messages and not state["waiting"] and not state["outstanding"]
            )

        wait_until(done, f"{messages} acknowledgements", 30)


def feedback_bodies(count, customer="plain", start=0):
    return [
        {"id": f"r{number:04d}", "customer": customer, "text": "fine"}
        for number in range(start, start + count)
    ]


def ids(bodies):
    return sorted(body["id"] for body in bodies)


def test_messages_are_stored_by_customer_and_acknowledged(world):
    world.subscribe()
    theirs, ours = feedback_bodies(30), feedback_bodies(20, "acme", 100)
    with world.bridge(rows=25):
        world.publish(*theirs, *ours)
        world.wait_until_all_is_acknowledged(50)
    assert world.stored() == ids([*theirs, *ours])
    assert {len(feedback.datasets(world.place, customer)) for customer in ("plain", "acme")} <= {
        1,
        2,
        3,
    }
    assert world.bridges.outcomes()["stored"] == 50
    assert world.bridges.all() == []


@pytest.mark.parametrize(
    "faults",
    [
        {"copies": 3},
        {"copies": 2, "shuffle": 7, "max_lease": 0.2},
        {"break_every": 0.2, "release_at_once": True},
    ],
    ids=["each thrice", "late and shuffled", "cut streams"],
)
@pytest.mark.parametrize("exactly_once", [False, True], ids=["at least once", "exactly once"])
def test_however_the_service_behaves_each_feedback_is_stored_once(world, faults, exactly_once):
    world.subscribe(enable_exactly_once_delivery=exactly_once)
    world.server.set_faults(subscription=SUBSCRIPTION, **faults)
    bodies = feedback_bodies(120)
    with world.bridge(rows=16):
        for start in range(0, 120, 40):
            world.publish(*bodies[start : start + 40])
            wait_until(
                lambda: has_misbehaved(world.server.inspect(subscription=SUBSCRIPTION), faults),
                "the misbehaviour",
            )
        # with these faults no acknowledgement may ever be in time
        world.server.set_faults(subscription=SUBSCRIPTION)
        world.wait_until_all_is_acknowledged(120)
    assert world.stored() == ids(bodies)


def has_misbehaved(state, faults):
    """Return whether the server has done its faults by now."""
    if "break_every" in faults:
        return state["streams_opened"] >= 2
    return sum(state["deliveries"].values()) >= 40 * faults["copies"]


def test_rejected_messages_do_not_affect_the_others(world):
    world.subscribe()
    good, broken = (
        feedback_bodies(95),
        [
            b"{",
            b'{"text": "x"}',
            {"id": "u", "customer": "nobody", "text": "x"},
            b"\xff",
            feedback_bodies(1),
        ],
    )
    broken[4] = {"id": "long", "customer": "plain", "text": "x" * 101}
    with world.bridge():
        world.publish(*good[:50], *broken, *good[50:])
        world.wait_until_all_is_acknowledged(100)
    assert world.stored() == ids(good)
    letters = world.server.published(topic=DEAD)
    reasons = sorted(letter["attributes"]["chorus-reason"] for letter in letters)
    assert reasons == [
        "not a JSON object",
        "text too long",
        "undecodable",
        "unknown customer",
        "unknown customer",
    ]
    assert world.bridges.outcomes()["rejected"] == 5


def test_dead_letters_that_their_topic_refuses_go_to_the_rejects(world):
    world.subscribe()
    world.server.refuse(name=DEAD, method="Publish", code="NOT_FOUND")
    with world.bridge():
        world.publish(b"{")
        world.wait_until_all_is_acknowledged(1)
    [day] = world.place.names("rejected-messages")
    assert len(world.place.names(f"rejected-messages/{day}")) == 1


def test_a_stopped_loop_stores_and_acknowledges_the_messages_that_it_holds(world):
    world.subscribe()
    bodies = feedback_bodies(10)
    with world.bridge(seconds=3600) as loop:
        world.publish(*bodies)
        wait_until(lambda: loop.status.held == 10, "the messages")
        assert world.stored() == []
    assert world.stored() == ids(bodies)
    world.wait_until_all_is_acknowledged(10)


def test_a_stream_that_ends_is_reported_and_opened_again(world, monkeypatch):
    monkeypatch.setattr(pull_loop, "_MIN_BACKOFF", 0.05)
    monkeypatch.setattr(pull_loop, "_STABLE_SECONDS", 0.3)

    def wait_for(state):
        wait_until(lambda: [one.state for one in world.bridges.all()] == [state], state)

    with world.bridge():  # there is no such subscription
        wait_for("waiting")
        assert "chorus bridge --create" in world.bridges.all()[0].error
        world.subscribe()
        world.publish(*feedback_bodies(5))
        world.wait_until_all_is_acknowledged(5)
        wait_for("pulling")
        world.server.refuse(name=SUBSCRIPTION, method="StreamingPull", code="PERMISSION_DENIED")
        wait_for("waiting")
        world.server.allow(name=SUBSCRIPTION, method="StreamingPull")
        world.publish(*feedback_bodies(5, start=5))
        world.wait_until_all_is_acknowledged(10)
    assert world.stored() == ids(feedback_bodies(10))


def test_a_missing_subscription_is_shown_as_waiting_through_all_attempts(world, monkeypatch):
    monkeypatch.setattr(pull_loop, "_MIN_BACKOFF", 0.01)
    monkeypatch.setattr(pull_loop, "_MAX_BACKOFF", 0.01)
    seen, put = [], world.bridges.put
    monkeypatch.setattr(world.bridges, "put", lambda bridge: (seen.append(bridge), put(bridge)))
    with world.bridge():
        wait_until(lambda: len({one.error for one in seen}) > 1 and len(seen) > 5, "some attempts")
    states = [one.state for one in seen]
    assert states == ["pulling", *["waiting"] * (len(states) - 1)], "no attempt is shown as working"
    assert len({one.since for one in seen[1:]}) == 1


def test_a_due_batch_is_stored_while_other_messages_keep_arriving(world, monkeypatch):
    monkeypatch.setattr(pull_loop, "_MAX_TAKEN", 2)
    world.subscribe()
    world.publish(*feedback_bodies(1, "acme"), *feedback_bodies(200))

    def slow(customer):  # an overloaded thread
        if customer == "plain" and not world.stored():
            Event().wait(0.1)
        return True

    with world.bridge(rows=1000, is_customer=slow):
        wait_until(world.stored, "the one of acme", 5)
    assert len(world.stored()) == 201


@pytest.mark.filterwarnings("ignore:Exception in thread gather")
def test_a_loop_whose_threads_are_stuck_or_have_ended_reports_a_failure(world, monkeypatch):
    world.subscribe()
    batcher = Batcher(10, 0.05)
    with world.bridge(batcher=batcher) as loop:
        assert loop.failure() is None
        with monkeypatch.context() as patient:
            patient.setattr(pull_loop, "_STUCK_SECONDS", -1.0)
            assert "the thread stream has been stuck" in loop.failure()
        monkeypatch.setattr(batcher, "next_due", None)
        wait_until(lambda: loop.failure() == "the thread gather has ended", "the end of a thread")
    assert loop.failure() is None, "it was stopped"


@pytest.mark.filterwarnings("ignore:Exception in thread stream")
def test_a_loop_whose_stream_thread_has_ended_can_still_be_stopped(world, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    world.subscribe()
    with world.bridge() as loop:
        monkeypatch.setattr(Subscription, "wait", fail)
        wait_until(lambda: loop.failure() == "the thread stream has ended", "the end of a thread")
        loop.stop()
        joining = Thread(target=loop.join)
        joining.start()
        joining.join(timeout=20)
        assert not joining.is_alive()


@pytest.mark.parametrize("exactly_once", [False, True], ids=["at least once", "exactly once"])
def test_an_acknowledgement_while_the_stream_closes_reaches_the_service(
    world, monkeypatch, exactly_once
):
    world.subscribe(enable_exactly_once_delivery=exactly_once)
    world.publish(*feedback_bodies(1))
    subscription, received = Subscription(SUBSCRIPTION, 1000, 10**7), SimpleQueue()
    subscription.open(received.put)
    message = received.get(timeout=20)
    acknowledging = Thread(target=subscription.acknowledge, args=([message],))
    stop = Heartbeater.stop

    def slow(heartbeater):  # the client has stopped its other threads
        acknowledging.start()
        acknowledging.join(timeout=0.3)
        stop(heartbeater)

    monkeypatch.setattr(Heartbeater, "stop", slow)
    subscription.stop()
    acknowledging.join(timeout=10)
    assert len(world.server.inspect(subscription=SUBSCRIPTION)["acks"]) == 1
    subscription.close()


def full(_, path, *__, **___):
    raise CannotWrite(path, "no space left on device")


def test_messages_are_held_for_a_while_if_storage_is_unavailable(world, monkeypatch):
    attempts = []
    monkeypatch.setattr(pull_loop, "_UNAVAILABLE_SECONDS", 3600.0)
    monkeypatch.setattr(
        LocalPlace,
        "create",
        lambda *args, **options: (attempts.append(args), full(*args, **options)),
    )
    world.subscribe()
    world.publish(*feedback_bodies(5))
    with world.bridge(rows=5, seconds=3600) as loop:
        wait_until(lambda: attempts, "an attempt")
        Event().wait(0.3)
        assert loop.status.held == 5
        assert world.bridges.outcomes()["handed back"] == 0
    assert world.bridges.outcomes()["handed back"] == 5, "a stopped loop does not wait"


def test_messages_that_cannot_be_stored_are_released_and_stored_later(world, monkeypatch):
    world.subscribe()
    world.server.set_faults(subscription=SUBSCRIPTION, max_lease=0.3)
    monkeypatch.setattr(pull_loop, "_UNAVAILABLE_SECONDS", 0.0)
    real = LocalPlace.create
    monkeypatch.setattr(LocalPlace, "create", full)
    with world.bridge():
        world.publish(*feedback_bodies(5))
        wait_until(
            lambda: world.bridges.outcomes()["handed back"] >= 5, "the messages to be released"
        )
        wait_until(lambda: "no space left" in world.bridges.all()[0].error, "the reason")
        assert not world.server.inspect(subscription=SUBSCRIPTION)["acks"]
        monkeypatch.setattr("workers.bridge.batch_writer._ABANDON_SECONDS", -1.0)
        monkeypatch.setattr(LocalPlace, "create", real)
        world.wait_until_all_is_acknowledged(5)
    assert world.stored() == ids(feedback_bodies(5))


def test_a_loop_that_cannot_acknowledge_still_ends_soon(world, monkeypatch, caplog):
    monkeypatch.setattr("intake.messages.subscription._LATE_SECONDS", 0.5)
    world.subscribe()
    with world.bridge(seconds=60) as loop:
        world.publish(*feedback_bodies(5))
        wait_until(lambda: loop.status.held == 5, "the messages")
        world.server.refuse(name=SUBSCRIPTION, method="Acknowledge", code="UNAVAILABLE")
        stopped = monotonic()
    assert monotonic() - stopped < 20
    assert (world.stored(), loop.status.held) == (ids(feedback_bodies(5)), 0)
    assert (
        world.bridges.outcomes() | {"stored": 5, "not acknowledged": 5} == world.bridges.outcomes()
    )
    assert not [record for record in caplog.records if record.exc_info]


def test_the_error_of_one_customer_is_shown_while_messages_of_others_are_stored(world, monkeypatch):
    monkeypatch.setattr(bridge_status, "_HEARTBEAT_SECONDS", 0.05)
    world.subscribe()
    world.server.set_faults(subscription=SUBSCRIPTION, max_lease=0.3)
    customers = '[customers.acme]\nensemble = "{}"\n[customers.plain]\nensemble = "plain"\n'
    world.place.replace("customers.toml", customers.format("gone").encode())
    seen, put = [], world.bridges.put
    monkeypatch.setattr(
        world.bridges, "put", lambda bridge: (seen.append(bridge.error), put(bridge))
    )
    with world.bridge():
        world.publish(*feedback_bodies(1, "acme"))
        wait_until(lambda: seen and "There is no gone" in seen[-1], "the reason")
        world.publish(*feedback_bodies(1, start=1))
        wait_until(lambda: world.bridges.outcomes()["stored"] == 1, "the other's message")
        seen.clear()
        wait_until(lambda: len(seen) > 5, "some heartbeats")
        assert all("There is no gone" in error for error in seen)
        world.place.replace("customers.toml", customers.format("acme").encode())
        world.wait_until_all_is_acknowledged(2)
        wait_until(lambda: seen[-1] == "", "no error")


def test_an_error_is_no_longer_shown_after_a_while(world, monkeypatch):
    monkeypatch.setattr(bridge_status, "_HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(bridge_status, "_ERROR_SECONDS", 1.0)
    world.subscribe()
    world.place.replace("customers.toml", b'[customers.acme]\nensemble = "gone"\n')
    with world.bridge():
        world.publish(*feedback_bodies(1, "acme"))
        wait_until(
            lambda: any("There is no gone" in bridge.error for bridge in world.bridges.all()),
            "the reason",
        )
        wait_until(lambda: not world.bridges.all()[0].error, "the error to disappear")

"""Doctor's checks and the metrics of Pub/Sub: whether the settings are usable, and by whom used."""

from time import monotonic, time

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from chorus.common.settings import from_environment
from chorus.operations.doctor_messages import BridgeUnhealthy, NoBridge, message_checks
from intake.messages.check import PubSubNotUsable
from tasks.board import keys
from tasks.board.board import Board
from tasks.board.bridge_roster import Bridge, BridgeRoster, message_traffic
from tasks.board.keys import key_prefix
from tasks.board.publish_progress import set_published_parts
from tasks.board.roster import Roster, Worker
from tests.support.servers.pubsub_server import pubsub_server

TOPIC, SUBSCRIPTION = "projects/p/topics/feedback", "projects/p/subscriptions/feedback"

pytestmark = pytest.mark.usefixtures("pubsub", "redis")


@pytest.fixture(scope="module")
def pubsub():
    with pubsub_server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        with PublisherClient() as publisher, SubscriberClient() as subscriber:
            publisher.create_topic(name=TOPIC)
            subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        yield server


@pytest.fixture
def board(place, redis):
    return Board(redis, key_prefix(place))


@pytest.fixture
def run_check(place, broker):
    """Return a function that runs a check under these settings."""

    def run(check, **settings):
        parsed = from_environment({"CHORUS_BROKER_URL": broker.url, **settings})
        return dict(message_checks(parsed, place))[check]()

    return run


def register_worker(board):
    """Register a control worker, as a running service does."""
    Roster(board).put(Worker("control-1", "", "here", "idle", time(), time(), 0, 1))


def test_nothing_is_checked_if_nothing_is_set(run_check):
    assert [run_check(check) for check in ("messages", "results", "dead letters")] == [
        "none",
        "no topic",
        "no topic",
    ]


def test_usable_settings_pass(run_check, board):
    assert "of projects/p/topics/feedback; no service" in run_check(
        "messages", CHORUS_SUBSCRIPTION=SUBSCRIPTION
    )
    assert run_check("results", CHORUS_RESULTS_TOPIC=TOPIC) == TOPIC
    register_worker(board)
    BridgeRoster(board).put(Bridge("bridge-1", SUBSCRIPTION, "pulling", time(), "", 0))
    assert "bridges: 1" in run_check("messages", CHORUS_SUBSCRIPTION=SUBSCRIPTION)


def test_a_missing_topic_or_subscription_is_named_with_the_command_that_creates_it(run_check):
    missing = {
        "CHORUS_SUBSCRIPTION": f"{SUBSCRIPTION}-gone",
        "CHORUS_RESULTS_TOPIC": f"{TOPIC}-gone",
        "CHORUS_DEAD_LETTER_TOPIC": f"{TOPIC}-gone",
    }
    for check in ("messages", "results", "dead letters"):
        with pytest.raises(
            PubSubNotUsable, match=r"-gone cannot be used: .*chorus bridge --create"
        ) as caught:
            run_check(check, **missing)
        assert "roles/pubsub." in str(caught.value)


def test_permission_to_pull_and_publish_is_enough_and_without_it_the_check_fails(run_check, pubsub):
    """A bridge needs only the roles subscriber and publisher, which cannot read the settings."""
    for check, name, method, setting in (
        ("messages", SUBSCRIPTION, "GetSubscription", "CHORUS_SUBSCRIPTION"),
        ("results", TOPIC, "GetTopic", "CHORUS_RESULTS_TOPIC"),
    ):
        pubsub.refuse(name=name, method=method, code="PERMISSION_DENIED")
        assert name in run_check(check, **{setting: name})
        pubsub.refuse(name=f"{name}-other", method=method, code="PERMISSION_DENIED")
        with pytest.raises(PubSubNotUsable, match="refused"):
            run_check(check, **{setting: f"{name}-other"})
        pubsub.allow(name=name, method=method)


def test_a_subscription_whose_topic_was_deleted_fails(run_check):
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        publisher.create_topic(name=f"{TOPIC}-2")
        subscriber.create_subscription(name=f"{SUBSCRIPTION}-2", topic=f"{TOPIC}-2")
        publisher.delete_topic(topic=f"{TOPIC}-2")
    with pytest.raises(PubSubNotUsable, match="its topic was deleted"):
        run_check("messages", CHORUS_SUBSCRIPTION=f"{SUBSCRIPTION}-2")


def test_a_waiting_bridge_is_named_with_its_error_and_start_of_waiting(run_check, board):
    BridgeRoster(board).put(
        Bridge("bridge-1", SUBSCRIPTION, "waiting", 1_700_000_000.0, "it is gone; make it", 0)
    )
    register_worker(board)
    with pytest.raises(
        BridgeUnhealthy,
        match=r"bridge-1 has waited since 2023-11-14 22:13:20 UTC: it is gone; make it",
    ):
        run_check("messages", CHORUS_SUBSCRIPTION=SUBSCRIPTION)


def test_a_bridge_that_cannot_store_is_named_with_the_reason(run_check, board):
    BridgeRoster(board).put(Bridge("bridge-1", SUBSCRIPTION, "pulling", time(), "no space left", 7))
    register_worker(board)
    with pytest.raises(BridgeUnhealthy, match="bridge-1 hands messages back: no space left"):
        run_check("messages", CHORUS_SUBSCRIPTION=SUBSCRIPTION)


def test_a_service_without_a_bridge_for_the_subscription_fails(run_check, board):
    register_worker(board)
    BridgeRoster(board).put(Bridge("bridge-1", f"{SUBSCRIPTION}-other", "pulling", time(), "", 0))
    with pytest.raises(NoBridge, match="Start `chorus up` where CHORUS_SUBSCRIPTION is set"):
        run_check("messages", CHORUS_SUBSCRIPTION=SUBSCRIPTION)


def test_an_unreachable_pubsub_fails_without_a_long_wait(run_check, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    began = monotonic()
    with pytest.raises(PubSubNotUsable, match="cannot be used"):
        run_check("messages", CHORUS_SUBSCRIPTION=SUBSCRIPTION)
    assert monotonic() - began < 10


def test_the_metrics_count_the_jobs_whose_results_are_not_all_published(board):
    for job in ("plain", "published", "waits"):
        board.redis.hset(board.key(keys.RUNNING), job, time())
    set_published_parts(board, "waits", 0)
    bridge = Bridge("bridge-1", SUBSCRIPTION, "pulling", 5.0, "", 7)
    BridgeRoster(board).put(bridge)
    BridgeRoster(board).count({"stored": 3})
    traffic = message_traffic(board)
    assert (traffic.unpublished, traffic.bridges, traffic.outcomes["stored"]) == (1, [bridge], 3)

"""What `chorus bridge --create` makes, and reports about what it did not make."""

import socket

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from chorus.common.settings import from_environment
from chorus.service.bridge import NoServiceToBridge, create_missing_resources, run_bridge
from intake.messages import setup
from intake.messages.setup import PubSubNotCreated
from intake.messages.topic import BadTopic
from tests.support.servers.pubsub_server import pubsub_server

TOPIC, SUBSCRIPTION = "projects/p/topics/feedback", "projects/p/subscriptions/feedback"


@pytest.fixture
def pubsub(monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        yield server


@pytest.fixture
def create(tmp_path):
    settings = from_environment({"CHORUS_HOME": str(tmp_path), "CHORUS_SUBSCRIPTION": SUBSCRIPTION})
    return lambda topic=None: list(create_missing_resources(settings, topic, exactly_once=False))


@pytest.mark.usefixtures("pubsub")
def test_missing_topics_and_subscriptions_are_made_once(create):
    assert create() == [f"made {TOPIC}", f"made {SUBSCRIPTION}, to {TOPIC}"]
    assert create() == []


@pytest.mark.usefixtures("pubsub")
def test_a_subscription_to_another_topic_stays_and_is_reported(create):
    create()
    report = f"{SUBSCRIPTION} exists and stays as it is: its topic is {TOPIC}, not {TOPIC}-2"
    assert create("feedback-2")[1:] == [report]
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        publisher.delete_topic(topic=TOPIC)
        assert "its topic is _deleted-topic_" in create()[-1]
        assert subscriber.get_subscription(subscription=SUBSCRIPTION).topic == "_deleted-topic_"


def test_a_service_that_does_not_answer_is_an_error_that_names_the_topic(create, monkeypatch):
    monkeypatch.setattr(setup, "_SECONDS", 0.5)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(PubSubNotCreated, match=f"{TOPIC} could not be made: .*onnect"):
            create()


def test_an_unavailable_service_is_not_waited_for_long(create, pubsub, monkeypatch):
    monkeypatch.setattr(setup, "_SECONDS", 0.5)
    pubsub.refuse(name=TOPIC, method="CreateTopic", code="UNAVAILABLE")
    with pytest.raises(PubSubNotCreated, match=r"topics/feedback could not be made: .*CreateTopic"):
        create()


@pytest.mark.parametrize("topic", ["a b", "projects/p/subscriptions/feedback", "ab"])
def test_a_name_that_no_topic_can_have_is_refused(create, topic):
    with pytest.raises(BadTopic):
        create(topic)


def test_a_bridge_without_a_service_is_an_error_that_names_the_command(tmp_path):
    settings = from_environment({"CHORUS_HOME": str(tmp_path), "CHORUS_SUBSCRIPTION": SUBSCRIPTION})
    with pytest.raises(NoServiceToBridge, match="Start `chorus up`"):
        run_bridge(settings)

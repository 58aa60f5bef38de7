"""A topic, through Google's own client and a real connection."""

import itertools
import sys
from collections import Counter

import pytest
from google.cloud.pubsub_v1 import PublisherClient

from intake.messages.client import PubSubNotInstalled
from intake.messages.topic import (
    MAX_DATA_BYTES,
    BadTopic,
    MessageRefused,
    OutgoingMessage,
    Topics,
    TopicUnavailable,
)

_numbers = itertools.count()


@pytest.fixture
def name(pubsub):  # noqa: ARG001 — the server of the client
    """Create a topic for this test, and return its name."""
    client = PublisherClient()
    name = f"projects/tests/topics/out{next(_numbers)}"
    client.create_topic(name=name)
    client.transport.close()
    return name


@pytest.fixture
def topic(name):
    with Topics(retry_seconds=0.5) as topics:
        yield topics.topic(name)


def test_all_messages_arrive_with_their_attributes(pubsub, name, topic):
    messages = [OutgoingMessage(b"%d" % number, {"number": str(number)}) for number in range(2500)]
    topic.publish(messages)
    assert [
        (message["data"].encode(), message["attributes"])
        for message in pubsub.published(topic=name)
    ] == [(message.data, message.attributes) for message in messages]


def test_the_largest_message_with_all_allowed_attributes_is_published(pubsub, name, topic):
    attributes = {f"{number:03d}" + "k" * 253: "v" * 1024 for number in range(100)}
    topic.publish(
        [
            OutgoingMessage(b"x", {}),
            OutgoingMessage(b"x" * MAX_DATA_BYTES, attributes),
            OutgoingMessage(b"x", {}),
        ]
    )
    sizes = Counter(len(message["data"]) for message in pubsub.published(topic=name))
    assert sizes == {1: 2, MAX_DATA_BYTES: 1}


def test_publishing_no_messages_publishes_nothing(pubsub, name, topic):
    topic.publish([])
    assert pubsub.published(topic=name) == []


def test_a_transient_error_is_tried_again(pubsub, name, topic):
    pubsub.refuse(name=name, method="Publish", code="UNAVAILABLE", times=1)
    topic.publish([OutgoingMessage(b"x", {})])
    assert len(pubsub.published(topic=name)) == 1


@pytest.mark.parametrize(
    "code", ["PERMISSION_DENIED", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"]
)
def test_a_topic_that_refuses_calls_is_unavailable_until_it_accepts_them(pubsub, name, topic, code):
    pubsub.refuse(name=name, method="Publish", code=code)
    with pytest.raises(
        TopicUnavailable, match=rf"{name} takes no messages now: .*roles/pubsub\.publisher"
    ):
        topic.publish([OutgoingMessage(b"x", {})])
    pubsub.allow(name=name, method="Publish")
    topic.publish([OutgoingMessage(b"x", {})])


def test_a_topic_that_does_not_exist_is_unavailable(name):
    with Topics() as topics, pytest.raises(TopicUnavailable, match=name + "x"):
        topics.topic(name + "x").publish([OutgoingMessage(b"x", {})])


def test_a_service_that_does_not_answer_makes_the_topic_unavailable(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with Topics(retry_seconds=0.3) as topics, pytest.raises(TopicUnavailable):
        topics.topic("projects/tests/topics/any").publish([OutgoingMessage(b"x", {})])


def test_without_credentials_a_topic_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with Topics() as topics, pytest.raises(TopicUnavailable, match=r"none\.json"):
        topics.topic("projects/tests/topics/any")


def test_a_message_that_would_be_refused_again_does_not_make_the_topic_unavailable(topic):
    with pytest.raises(MessageRefused, match="would refuse it again"):
        topic.publish([OutgoingMessage(b"x", {"long": "v" * 1025})])


@pytest.mark.parametrize(
    "name",
    ["results", "projects/p/topics/", "projects/p/subscriptions/abc", "projects/p/topics/9x"],
)
def test_a_name_that_is_no_full_name_of_a_topic_is_refused(name):
    with Topics() as topics, pytest.raises(BadTopic, match="projects/PROJECT/topics/TOPIC"):
        topics.topic(name)


def test_a_missing_package_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.pubsub_v1", None)
    monkeypatch.delattr("google.cloud.pubsub_v1")
    with (
        Topics() as topics,
        pytest.raises(PubSubNotInstalled, match=r"pip install 'chorus\[gcp\]'"),
    ):
        topics.topic("projects/p/topics/any")

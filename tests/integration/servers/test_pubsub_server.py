"""The Pub/Sub server of the tests, used by Google's own client library."""

import json
import threading
from collections import Counter

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.pubsub_v1 import PublisherClient as GeneratedPublisherClient

from tests.support.pubsub.client_world import PROJECT, ClientWorld
from tests.support.runs.waiting import wait_until
from tests.support.servers.pubsub_server import pubsub_process, pubsub_server


@pytest.fixture(scope="module")
def pubsub():
    with pubsub_server() as server:
        yield server


@pytest.fixture
def world(pubsub, monkeypatch):
    """Return a topic and a subscription of this test, with both clients."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    with ClientWorld(pubsub) as world:
        yield world


def test_published_messages_are_pulled_and_acknowledged_once(world):
    assert world.subscribe(ack_deadline_seconds=30).ack_deadline_seconds == 30
    world.pull()
    ids = world.publish("one", "two", "three")
    world.wait_until_acknowledged(ids)
    assert sorted(message.data for message in world.received) == [b"one", b"three", b"two"]
    assert {message.delivery_attempt for message in world.received} == {None}
    assert world.inspect()["acks"] == dict.fromkeys(ids, 1)
    assert world.inspect()["outstanding"] == []
    assert [each["data"] for each in world.server.published(topic=world.topic)] == [
        "one",
        "two",
        "three",
    ]


def test_an_unacknowledged_message_comes_back_with_a_new_ack_id(world):
    world.subscribe()
    world.server.set_faults(subscription=world.subscription, max_lease=0.3)
    [published] = world.publish("again")
    world.pull(each=lambda message: message.ack() if len(world.received) == 3 else None)
    world.wait_until_acknowledged([published])
    assert world.inspect()["deliveries"] == {published: 3}
    assert len({message.ack_id for message in world.received}) == 3


def test_a_message_that_the_client_refuses_comes_back_at_once(world):
    world.subscribe()
    world.pull(each=lambda message: message.ack() if len(world.received) == 2 else message.nack())
    world.wait_until_acknowledged(world.publish("no, yes"))
    assert len(world.received) == 2


def test_an_exactly_once_subscription_answers_each_acknowledgement(world):
    world.subscribe(enable_exactly_once_delivery=True)
    answers = []

    def respond(message):
        if len(world.received) == 1:
            world.server.expire_leases(subscription=world.subscription)
        try:
            answers.append(message.ack_with_response().result(timeout=20))
        except AcknowledgeError as error:
            answers.append(error.error_code)

    world.pull(each=respond)
    world.wait_until_acknowledged(world.publish("once"))
    wait_until(lambda: len(answers) == 2, "both answers")
    assert sorted(answers, key=str) == [AcknowledgeStatus.INVALID_ACK_ID, AcknowledgeStatus.SUCCESS]


def test_acknowledgements_in_the_stream_are_confirmed(world):
    world.subscribe(enable_exactly_once_delivery=True)
    [published] = world.publish("once")
    pulled, ack_ids = threading.Event(), []

    def requests():
        yield {"subscription": world.subscription, "stream_ack_deadline_seconds": 10}
        pulled.wait(20)
        yield {"ack_ids": [*ack_ids, "never:given"]}
        wait_until(lambda: not ack_ids, "the confirmation")

    stream = world.subscriber.streaming_pull(requests=requests())
    ack_ids.append(next(stream).received_messages[0].ack_id)
    pulled.set()
    confirmed = next(stream).acknowledge_confirmation
    assert (list(confirmed.ack_ids), list(confirmed.invalid_ack_ids)) == (ack_ids, ["never:given"])
    ack_ids.clear()
    assert world.inspect()["acks"] == {published: 1}


def test_messages_are_delivered_several_times_and_shuffled_on_demand(world):
    world.server.set_faults(subscription=world.subscription, copies=3, shuffle=7)
    world.subscribe()
    ids = world.publish(*map(str, range(30)))
    world.pull()
    world.wait_until_acknowledged(ids, times=3)
    received = [message.message_id for message in world.received]
    assert Counter(received) == dict.fromkeys(ids, 3)
    assert received != sorted(received, key=int)


def test_the_client_opens_a_broken_stream_again(world):
    world.subscribe()
    world.server.set_faults(subscription=world.subscription, break_every=0.2)
    stream = world.pull()
    wait_until(lambda: world.inspect()["streams_opened"] >= 3, "a third stream")
    world.server.set_faults(subscription=world.subscription)
    world.server.break_streams(subscription=world.subscription)
    world.wait_until_acknowledged(world.publish("after all that"))
    assert stream.running()


def test_messages_of_a_broken_stream_come_back_at_their_deadline_or_at_once(world):
    world.subscribe()
    [published] = world.publish("held")
    assert world.receive_one_and_disconnect() == published
    assert world.inspect()["outstanding"] == [published]
    world.server.expire_leases(subscription=world.subscription, broken=True)
    assert (world.inspect()["outstanding"], world.inspect()["waiting"]) == ([], 1)
    world.server.set_faults(subscription=world.subscription, release_at_once=True)
    assert world.receive_one_and_disconnect() == published
    assert (world.inspect()["outstanding"], world.inspect()["waiting"]) == ([], 1)


def test_two_streams_share_the_messages_of_a_subscription(world):
    world.subscribe()
    ids = world.publish(*map(str, range(40)))
    by_stream = Counter()
    for name in "ab":
        world.pull(each=lambda _, name=name: by_stream.update(name), max_messages=20)
    wait_until(
        lambda: by_stream["a"] == by_stream["b"] == 20, "each stream to have its limit, and no more"
    )
    assert sorted(world.inspect()["outstanding"]) == sorted(ids)
    for message in list(world.received):
        message.ack()
    world.wait_until_acknowledged(ids)
    assert set(world.inspect()["deliveries"].values()) == {1}


def test_a_message_that_is_refused_too_often_goes_to_the_dead_letter_topic(world):
    dead = f"{world.topic}-dead"
    world.publisher.create_topic(name=dead)
    world.subscribe(dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    world.pull(each=lambda message: message.nack())
    world.publish("poison")
    [message] = wait_until(lambda: world.server.published(topic=dead), "the dead letter")
    assert message["data"] == "poison"
    assert message["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert [message.delivery_attempt for message in world.received] == [1, 2, 3, 4, 5]
    assert world.inspect()["waiting"] == 0


def test_streams_end_for_good_with_their_subscription_or_permission(world):
    world.subscribe()
    stream = world.pull()
    world.server.refuse(name=world.subscription, method="StreamingPull", code="PERMISSION_DENIED")
    assert isinstance(stream.exception(timeout=20), exceptions.PermissionDenied)
    world.server.allow(name=world.subscription, method="StreamingPull")
    stream = world.subscriber.subscribe(world.subscription, lambda message: message.ack())
    wait_until(lambda: world.inspect()["streams"] == 1, "a stream")
    world.subscriber.delete_subscription(subscription=world.subscription)
    assert isinstance(stream.exception(timeout=20), exceptions.NotFound)


def test_publishing_is_refused_as_the_real_service_refuses_it(world):
    with pytest.raises(exceptions.NotFound):
        world.publisher.publish(f"{PROJECT}/topics/none", b"lost").result(timeout=20)
    with pytest.raises(exceptions.InvalidArgument, match="10000000"):
        GeneratedPublisherClient.publish(
            world.publisher, topic=world.topic, messages=[{"data": b"x" * 10_100_000}]
        )
    world.server.refuse(name=world.topic, method="Publish", code="UNAVAILABLE", times=1)
    world.publish("the client tries again")
    assert len(world.server.published(topic=world.topic)) == 1


def test_topics_and_subscriptions_are_created_read_listed_and_deleted(world):
    with pytest.raises(exceptions.NotFound):
        world.subscriber.get_subscription(subscription=world.subscription)
    world.subscribe()
    with pytest.raises(exceptions.AlreadyExists):
        world.subscribe()
    with pytest.raises(exceptions.AlreadyExists):
        world.publisher.create_topic(name=world.topic)
    assert world.publisher.get_topic(topic=world.topic).name == world.topic
    assert world.topic in {topic.name for topic in world.publisher.list_topics(project=PROJECT)}
    assert list(world.publisher.list_topic_subscriptions(topic=world.topic)) == [world.subscription]
    assert world.subscription in {
        each.name for each in world.subscriber.list_subscriptions(project=PROJECT)
    }
    world.publisher.delete_topic(topic=world.topic)
    assert (
        world.subscriber.get_subscription(subscription=world.subscription).topic
        == "_deleted-topic_"
    )


def test_a_unary_pull_gets_waiting_messages_and_refuses_late_acknowledgements(world):
    world.subscribe(enable_exactly_once_delivery=True)
    assert not world.subscriber.pull(
        subscription=world.subscription, max_messages=5, timeout=0.5
    ).received_messages
    world.publish("a", "b", "c")
    messages = world.subscriber.pull(
        subscription=world.subscription, max_messages=2
    ).received_messages
    ids = [message.ack_id for message in messages]
    world.subscriber.modify_ack_deadline(
        subscription=world.subscription, ack_ids=ids[:1], ack_deadline_seconds=0
    )
    with pytest.raises(exceptions.InvalidArgument) as refused:
        world.subscriber.acknowledge(subscription=world.subscription, ack_ids=ids)
    assert refused.value.reason == "EXACTLY_ONCE_ACKID_FAILURE"
    assert refused.value.metadata == {ids[0]: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    assert world.inspect()["acks"] == {messages[1].message.message_id: 1}


def test_the_server_runs_as_a_process_of_its_own(monkeypatch):
    with pubsub_process() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        with ClientWorld(server) as world:
            world.subscribe()
            world.pull()
            world.wait_until_acknowledged(world.publish(json.dumps({"id": "1"})))
            assert server.published(topic=world.topic)[0]["data"] == '{"id": "1"}'

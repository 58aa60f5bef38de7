"""A topic and a subscription of a test server, with Google's own clients."""

import itertools
import threading

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.types import FlowControl

from tests.support.runs.waiting import wait_until

PROJECT = "projects/tests"
_numbers = itertools.count()


class ClientWorld:
    """A topic and a subscription that no other test uses, both clients, and received messages."""

    def __init__(self, server):
        number = next(_numbers)
        self.server = server
        self.topic, self.subscription = (
            f"{PROJECT}/topics/t{number}",
            f"{PROJECT}/subscriptions/s{number}",
        )
        self.publisher, self.subscriber = PublisherClient(), SubscriberClient()
        self.publisher.create_topic(name=self.topic)
        self.received = []  # messages in the order of their arrival
        self._streams = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stream in self._streams:
            stream.cancel()
        for stream in self._streams:
            stream.exception(timeout=20)
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()

    def subscribe(self, **config):
        return self.subscriber.create_subscription(
            request={"name": self.subscription, "topic": self.topic, **config}
        )

    def publish(self, *texts):
        """Publish messages; return their ids."""
        return [
            future.result()
            for future in [self.publisher.publish(self.topic, text.encode()) for text in texts]
        ]

    def pull(self, each=lambda message: message.ack(), max_messages=1000):
        """Open a streaming pull that records each message and calls `each` with it."""

        def callback(message):
            self.received.append(message)
            each(message)

        stream = self.subscriber.subscribe(
            self.subscription, callback, flow_control=FlowControl(max_messages=max_messages)
        )
        self._streams.append(stream)
        wait_until(lambda: self.inspect()["streams"] >= len(self._streams), "a stream")
        return stream

    def receive_one_and_disconnect(self):
        """Open a stream, receive one message, and disconnect; return its id."""
        received = threading.Event()

        def requests():
            yield {"subscription": self.subscription, "stream_ack_deadline_seconds": 10}
            received.wait(20)

        stream = self.subscriber.streaming_pull(requests=requests())
        [message] = next(stream).received_messages
        stream.cancel()
        received.set()
        wait_until(lambda: self.inspect()["streams"] == 0, "the end of the stream")
        return message.message.message_id

    def inspect(self):
        """Return the state of the subscription, as Controls.inspect does."""
        return self.server.inspect(subscription=self.subscription)

    def wait_until_acknowledged(self, ids, times=1):
        wait_until(
            lambda: all(self.inspect()["acks"].get(each, 0) >= times for each in ids),
            "acknowledgements",
            20,
        )

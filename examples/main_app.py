"""The main application in twenty lines: publish feedback, and print its labels (see README.md)."""

import json
import os
import sys
from contextlib import suppress
from queue import Queue
from uuid import uuid4

from google.api_core.exceptions import AlreadyExists
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

# the name that `chorus bridge --create` gives the topic
feedback = os.environ["CHORUS_SUBSCRIPTION"].replace("/subscriptions/", "/topics/")
results = os.environ["CHORUS_RESULTS_TOPIC"]
own_subscription = f"{results.replace('/topics/', '/subscriptions/')}-main-app"
texts = {
    str(uuid4()): text
    for text in sys.argv[1:] or ["The parcel came late.", "Great price, and so friendly!"]
}
received: Queue = Queue()

with PublisherClient() as publisher, SubscriberClient() as subscriber:
    with suppress(AlreadyExists):
        subscriber.create_subscription(name=own_subscription, topic=results)
    for id_, text in list(texts.items()):
        publisher.publish(
            feedback, json.dumps({"id": id_, "customer": "default", "text": text}).encode()
        ).result()
    pulling = subscriber.subscribe(own_subscription, received.put)
    while texts:
        message = received.get()
        result = json.loads(message.data)
        if text := texts.pop(result["id"], None):  # else a repeat, or of another client
            print(f"{text}  ->  {result.get('labels') or result}")
        message.ack()
    pulling.cancel()
    pulling.result()

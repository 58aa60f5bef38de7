"""Jobs whose results are published to a topic of the Pub/Sub server of the tests."""

import itertools
from collections import defaultdict
from dataclasses import replace
from functools import partial

from google.cloud.pubsub_v1 import PublisherClient

from tasks.board import keys
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.broker.step_messages import PublishResults
from tasks.jobs.submit import start_job
from tasks.steps.publish_results import publish_results
from workers.runtime.run_step import run_step

TEXTS = ["fine", "good", "ok", "well", "x"]  # 3 parts of two, two and one rows
_numbers = itertools.count()


class TopicOnServer:
    """A topic of the test server, which can refuse messages."""

    def __init__(self, server):
        self._server, self.name = server, f"projects/tests/topics/results{next(_numbers)}"

    def create(self):
        client = PublisherClient()
        client.create_topic(name=self.name)
        client.transport.close()

    def refuse(self, code="PERMISSION_DENIED", times=None):
        self._server.refuse(name=self.name, method="Publish", code=code, times=times)

    def allow(self):
        self._server.allow(name=self.name, method="Publish")

    def received(self):
        """Return result id → the data of each message with this id."""
        received = defaultdict(list)
        for message in self._server.published(topic=self.name):
            received[message["attributes"]["result"]].append(message["data"])
        return dict(received)


def run_up_to_publishing(steps, job):
    """Run the job up to its PublishResults message, and return that message."""
    start_job(steps.context, job)
    message = steps.take()
    while not isinstance(message, PublishResults):
        steps.run(message)
        message = steps.take()
    return message


def forget_refusal(steps, topic):
    """Let a topic that refused be tried again, as after a few seconds."""
    steps.context.board.redis.delete(steps.context.board.key(keys.TOPIC_REFUSED, topic.name))


def result_ids(job):
    """Return the result id of every row of the job."""
    return {
        f"{job.id}/part-{part:05d}/{row}" for part, row in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))
    }


class Publisher:
    """A worker that takes messages from the results queue, one at a time."""

    def __init__(self, steps):
        session = WorkerSession(
            steps.context.board, Worker("publisher", "", "here", "idle", 0.0, 0.0, 0, 1)
        )
        self._steps, self._context = steps, replace(steps.context, session=session)

    def handle(self, message):
        run_step(
            self._context,
            partial(publish_results, self._context, self._steps.topics.topic),
            message,
        )

    def handle_all(self):
        """Handle all waiting messages."""
        while message := self._steps.take():
            assert isinstance(message, PublishResults)
            self.handle(message)

"""A topic on the test server, and jobs whose results are published to it."""

import pytest

from intake.messages.topic import Topics
from tests.support.runs.publishing import Publisher, TopicOnServer
from tests.support.runs.queued_steps import QueuedSteps


@pytest.fixture
def topic(pubsub):
    topic = TopicOnServer(pubsub)
    topic.create()
    return topic


@pytest.fixture
def topics(pubsub):  # noqa: ARG001 — the server that its client finds
    with Topics(retry_seconds=0.5) as topics:
        yield topics


@pytest.fixture
def steps(place, redis, broker, topics):
    return QueuedSteps(place, redis, broker, topics=topics)


@pytest.fixture
def publisher(steps):
    return Publisher(steps)

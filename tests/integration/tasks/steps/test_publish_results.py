"""Results on their way to a topic: a real broker, Google's own client, and a server that speaks its
protocol.
"""

import itertools
import json
from collections import defaultdict
from dataclasses import replace
from functools import partial

import pytest
from google.cloud.pubsub_v1 import PublisherClient

from chorus.common.settings import from_environment
from chorus.jobs.status import show_status
from intake.messages.topic import Topics
from storage.places.place import LocalPlace
from storage.records.jobs import JobEnd, read_end, write_end
from storage.records.runs import Run, RunJob, create_run, read_run_end
from storage.tables import decode_parquet
from storage.versions.active_labels import read_active_labels
from tasks.board import keys
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.broker.step_messages import RESULTS_QUEUE, FinishJob, PublishResults
from tasks.jobs.submit import start_job, stop_job
from tasks.planning.reconcile_job import jobs_being_published
from tasks.steps.publish_results import ResultsRefused, publish_results
from tests.integration.tasks.test_rejected_rows import Sick, to_the_end
from tests.support.runs.queued_steps import Queued
from tests.support.runs.results_worker import results_worker
from tests.support.runs.steps import PREFIX, Steps, store_dataset, store_job
from tests.support.runs.waiting import wait_until
from workers.control.reconciler import Reconciler
from workers.runtime.run_step import run_step

TEXTS = ["fine", "good", "ok", "well", "x"]  # by two: 3 parts
_numbers = itertools.count()


class TopicOfATest:
    """A topic, what it has got, and whether it takes anything."""

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

    def got(self):
        """Stable id → the bytes of each message that bore it."""
        found = defaultdict(list)
        for message in self._server.published(topic=self.name):
            found[message["attributes"]["result"]].append(message["data"])
        return dict(found)


@pytest.fixture
def topic(pubsub):
    topic = TopicOfATest(pubsub)
    topic.create()
    return topic


@pytest.fixture
def topics(pubsub):  # noqa: ARG001 — whom its client finds
    with Topics(retry_seconds=0.5) as topics:
        yield topics


@pytest.fixture
def steps(place, redis, broker, topics):
    return Queued(place, redis, broker, topics=topics)


def asked_to_publish(steps, job):
    """All is done but for the results, whose message is taken from the queue and returned."""
    start_job(steps.context, job)
    message = steps.take()
    while not isinstance(message, PublishResults):
        steps.run(message)
        message = steps.take()
    return message


def a_while_passes(steps, topic):
    """After which a topic that took nothing is tried again."""
    steps.context.board.redis.delete(steps.context.board.key(keys.TOPIC_REFUSED, topic.name))


def all_of(job):
    return {
        f"{job.id}/part-{part:05d}/{row}" for part, row in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))
    }


def test_every_feedback_of_a_job_gets_a_result_and_then_the_job_ends(steps, place, topic):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    assert (read_end(place, job.id), topic.got()) == (None, {})
    assert read_active_labels(place, "acme").datasets["upload"].job == job.id, (
        "labels wait for no topic"
    )
    steps.run(message)
    assert topic.got().keys() == all_of(job)
    last, row = (
        json.loads(topic.got()["job1/part-00002/0"][0]),
        decode_parquet(job.output.read("part-00002.parquet")),
    )
    assert (last["id"], last["labels"]) == ("r4", {"mood": row["mood"][0].as_py()})
    assert read_end(place, job.id).status == "done"
    assert steps.context.board.running() == {}


def test_a_feedback_that_a_model_cannot_score_gets_its_reason(place, redis, topic, topics):
    texts = ["fine", "kill it", "ok", "nan", "x"]
    job = store_job(place, store_dataset(place, texts), results=topic.name)
    to_the_end(Steps(place, redis, Sick, topics=topics), job)
    found = {json.loads(data)["id"]: json.loads(data) for [data] in topic.got().values()}
    assert found.keys() == {"r0", "r1", "r2", "r3", "r4"}
    assert [id_ for id_, result in found.items() if "labels" in result] == ["r0", "r2", "r4"]
    assert found["r1"]["rejected"] == {
        "reason": "model failed",
        "detail": "bow 1: ended by signal SIGKILL",
    }
    assert read_end(place, job.id).status == "done"


def test_a_job_without_a_topic_asks_nobody_to_publish(steps, place):
    job = store_job(place, store_dataset(place, TEXTS))
    start_job(steps.context, job)
    while message := steps.take():
        assert not isinstance(message, PublishResults)
        steps.run(message)
    assert read_end(place, job.id).status == "done"


def test_a_run_waits_for_no_topic(steps, place, topic):
    found = [
        store_job(
            place,
            store_dataset(place, TEXTS, name=id_),
            id=id_,
            out=place.url_of(f"out-{id_}"),
            results=topic.name,
        )
        for id_ in "ab"
    ]
    run = Run(
        customer="acme",
        name="night",
        ensemble=found[0].ensemble,
        models=found[0].models,
        jobs=tuple(
            RunJob(dataset=job.dataset, job=job.id, keep_text=True, keep_columns=True)
            for job in found
        ),
        keep=1,
        started_at=found[0].submitted_at,
    )
    create_run(place, run)
    for job in found:
        asked_to_publish(steps, job)
    assert [read_end(place, job.id) for job in found] == [None, None]
    assert read_run_end(place, "acme", "night").status == "done"
    assert {job.dataset: job.id for job in found} == {
        name: label.job for name, label in read_active_labels(place, "acme").datasets.items()
    }


def test_a_publisher_that_dies_is_followed_by_one_that_publishes_the_same_again(
    steps, place, topic
):
    """From the part in work on; from the first one where the board has forgotten."""

    class Dies(Exception):
        pass

    class AfterTwoParts:
        """The second part is published, and nobody hears of it."""

        def __init__(self, topic):
            self._topic, self._left = topic, 2

        def publish(self, messages):
            self._topic.publish(messages)
            self._left -= 1
            if not self._left:
                raise Dies

    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    dying = AfterTwoParts(steps.topics.topic(topic.name))
    with pytest.raises(Dies):
        publish_results(steps.context, lambda _: dying, message)
    reconciler = Reconciler(steps.context)
    for _ in range(2):
        reconciler.tick()
    steps.drain()
    assert read_end(place, job.id).status == "done"
    assert {id_: len(set(data)) for id_, data in topic.got().items()} == dict.fromkeys(
        all_of(job), 1
    )
    assert [len(data) for _, data in sorted(topic.got().items())] == [1, 1, 2, 2, 1]


def test_a_job_whose_publisher_is_killed_before_its_end_is_published_again_and_ended_once(
    steps, place, redis, broker, topic
):
    """The broker is lost as well: nobody knows that all was published."""
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    steps.context.publish(asked_to_publish(steps, job))
    with results_worker(place, broker, "one", "--hang"):
        wait_until(lambda: topic.got().keys() == all_of(job), "the results")
    assert read_end(place, job.id) is None
    redis.flushall()
    with results_worker(place, broker, "two") as process:
        Reconciler(steps.context).tick()
        steps.run(FinishJob(job.id))
        wait_until(lambda: read_end(place, job.id), "the job to end")
        process.terminate()
        assert process.wait(20) == 0
    assert topic.got() == {id_: [data[0]] * 2 for id_, data in topic.got().items()}
    assert read_end(place, job.id).status == "done"
    assert redis.llen(PREFIX + RESULTS_QUEUE) == 0


class Publisher:
    """Whoever takes results from the queue in a worker process, one message at a time."""

    def __init__(self, steps):
        presence = WorkerSession(
            steps.context.board, Worker("publisher", "", "here", "idle", 0.0, 0.0, 0, 1)
        )
        self._steps, self._context = steps, replace(steps.context, session=presence)

    def handle(self, message):
        run_step(
            self._context,
            partial(publish_results, self._context, self._steps.topics.topic),
            message,
        )

    def work(self):
        """All that wait."""
        while message := self._steps.take():
            assert isinstance(message, PublishResults)
            self.handle(message)


@pytest.fixture
def publisher(steps):
    return Publisher(steps)


def test_a_job_whose_topic_is_gone_waits_for_it_and_holds_nobody_up(
    steps, place, redis, pubsub, publisher, topic
):
    gone = TopicOfATest(pubsub)
    jobs = [
        store_job(
            place,
            store_dataset(place, TEXTS, name=id_),
            id=id_,
            out=place.url_of(id_),
            results=name,
        )
        for id_, name in (("a", gone.name), ("b", topic.name))
    ]
    for message in [asked_to_publish(steps, job) for job in jobs]:
        steps.context.publish(message)
    publisher.work()
    assert [end and end.status for end in (read_end(place, job.id) for job in jobs)] == [
        None,
        "done",
    ]
    progress = steps.context.board.progress("a", ["bow"])
    assert progress.status == "running"
    assert f"{gone.name} takes no messages now" in progress.error
    put_off = steps.context.board.key(keys.LEASE, PublishResults("a").step)
    assert redis.persist(put_off), "until it is due"
    reconciler = Reconciler(steps.context)
    for _ in range(3):
        reconciler.tick()
    assert steps.take() is None, "nobody asks for it before its time"
    gone.create()
    redis.delete(put_off)
    a_while_passes(steps, gone)
    for _ in range(3):
        reconciler.tick()
    publisher.work()
    assert read_end(place, "a").status == "done"
    assert gone.got().keys() == all_of(jobs[0])
    assert steps.context.board.progress("a", ["bow"]).error is None


def test_a_topic_that_is_gone_is_asked_ever_more_seldom(steps, place, redis, publisher, topic):
    topic.refuse()
    message = asked_to_publish(
        steps, store_job(place, store_dataset(place, TEXTS), results=topic.name)
    )
    key, pauses = steps.context.board.key(keys.LEASE, message.step), []
    for _ in range(4):
        publisher.handle(message)
        pauses.append(redis.pttl(key) / 1000)
        redis.delete(key)
    assert pauses == pytest.approx([2, 8, 30, 30], abs=1)


def test_a_topic_that_goes_away_half_way_gets_the_rest_later(steps, place, topic):
    """What it has got is not published again."""

    class Half:
        def __init__(self, real):
            self._real, self._left = real, 2

        def publish(self, messages):
            if not self._left:
                topic.refuse()
            self._left -= 1
            self._real.publish(messages)

    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    half = Half(steps.topics.topic(topic.name))
    with pytest.raises(ResultsRefused, match="attempt 1"):
        publish_results(steps.context, lambda _: half, message)
    topic.allow()
    a_while_passes(steps, topic)
    steps.run(message)
    assert topic.got().keys() == all_of(job)
    assert {len(data) for data in topic.got().values()} == {1}


def test_results_that_wait_or_are_being_published_are_not_asked_for_and_lost_ones_are(
    steps, place, topic
):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    board, reconciler = steps.context.board, Reconciler(steps.context)
    steps.context.publish(message)
    for _ in range(3):
        reconciler.tick()
    assert steps.waiting()[RESULTS_QUEUE] == ["{'job': 'job1'}"]
    assert steps.take() == message
    with WorkerSession(board, Worker("w", "", "here", "idle", 0.0, 0.0, 0, 1)).lease(message.step):
        assert jobs_being_published(board, [job.id]) == {job.id}
        for _ in range(3):
            reconciler.tick()
        assert steps.take() is None
    for _ in range(2):
        reconciler.tick()
    assert steps.take() == message
    assert steps.take() is None


def test_a_job_that_is_cancelled_while_its_results_wait_publishes_none_until_it_is_taken_up(
    steps, place, publisher, topic
):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    stop_job(steps.context, job, "cancelled")
    publisher.handle(message)
    assert (topic.got(), read_end(place, job.id).status) == ({}, "cancelled")
    start_job(steps.context, job)
    steps.drain()
    assert topic.got().keys() == all_of(job)
    assert read_end(place, job.id).status == "done"


def test_a_job_that_was_cancelled_before_the_board_forgot_it_publishes_nothing(
    steps, place, redis, topic
):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    write_end(place, job.id, JobEnd(status="cancelled"))
    redis.flushall()
    steps.run(message)
    assert topic.got() == {}
    assert steps.context.board.is_stopped(job.id)


def test_a_part_that_is_lost_before_it_is_published_is_made_again(steps, place, topic):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    job.output.remove("part-00001.parquet")
    steps.run(message)
    steps.drain()
    assert topic.got().keys() == all_of(job)
    assert read_end(place, job.id).status == "done"


class Counting(LocalPlace):
    def __init__(self, root):
        super().__init__(root)
        self.created = []

    def create(self, path, data, *, durable=False):
        self.created.append(path)
        return super().create(path, data, durable=durable)


def test_a_job_that_is_finished_again_moves_its_labels_once(tmp_path, redis, topic):
    place = Counting(tmp_path)
    steps = Steps(place, redis)
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    start_job(steps.context, job)
    for _ in range(3):
        while steps.queue:
            message = steps.queue.pop(0)
            if not isinstance(message, PublishResults):
                steps.run(message)
        steps.run(FinishJob(job.id))
    assert len([path for path in place.created if "/_current/" in path]) == 1


def status_of(broker, place, job, capsys):
    settings = from_environment({"CHORUS_HOME": place.url, "CHORUS_BROKER_URL": broker.url})
    show_status(settings, job.id, as_json=True, watch=False)
    return json.loads(capsys.readouterr().out)


def test_status_says_how_far_the_results_are_and_what_they_wait_for(
    steps, place, broker, publisher, topic, capsys, monkeypatch
):
    monkeypatch.setattr("chorus.service.connection.key_prefix", lambda _: PREFIX)
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = asked_to_publish(steps, job)
    topic.refuse()
    publisher.handle(message)
    found = status_of(broker, place, job, capsys)
    assert (found["status"], found["labelled"]) == ("running", 5)
    assert found["results"] == f"{topic.name}: 0 of 3 parts published"
    assert "takes no messages now" in found["error"]
    topic.allow()
    a_while_passes(steps, topic)
    steps.run(message)
    found = status_of(broker, place, job, capsys)
    assert (found["status"], found["error"]) == ("done", None)
    assert found["results"] == f"{topic.name}: 3 of 3 parts published"


def test_a_topic_that_took_nothing_just_now_is_tried_by_no_other_job(steps, place, topic):
    first, second = (
        store_job(
            place,
            store_dataset(place, TEXTS, name=id_),
            id=id_,
            out=place.url_of(f"out-{id_}"),
            results=topic.name,
        )
        for id_ in "ab"
    )
    messages = [asked_to_publish(steps, job) for job in (first, second)]
    topic.refuse()
    with pytest.raises(ResultsRefused):
        steps.run(messages[0])
    topic.allow()
    with pytest.raises(ResultsRefused):
        steps.run(messages[1])
    assert topic.got() == {}
    a_while_passes(steps, topic)
    for message in messages:
        steps.run(message)
    assert topic.got().keys() == all_of(first) | all_of(second)

"""A topic that refuses messages: its jobs wait, other jobs continue, and no result is lost."""

import json

import pytest

from chorus.common.settings import from_environment
from chorus.jobs.job_selection import JobSelection
from chorus.jobs.status import show_status
from storage.records.jobs import read_end
from tasks.board import keys
from tasks.broker.step_messages import PublishResults
from tasks.steps.publish_results import ResultsRefused, publish_results
from tests.support.runs.publishing import (
    TEXTS,
    TopicOnServer,
    forget_refusal,
    result_ids,
    run_up_to_publishing,
)
from tests.support.runs.steps import PREFIX, store_dataset, store_job
from workers.control.reconciler import Reconciler


def test_a_job_whose_topic_is_missing_waits_without_stopping_others(
    steps, place, redis, pubsub, publisher, topic
):
    missing = TopicOnServer(pubsub)
    jobs = [
        store_job(
            place,
            store_dataset(place, TEXTS, name=id_),
            id=id_,
            out=place.url_of(id_),
            results=name,
        )
        for id_, name in (("a", missing.name), ("b", topic.name))
    ]
    for message in [run_up_to_publishing(steps, job) for job in jobs]:
        steps.context.publish(message)
    publisher.handle_all()
    assert [end and end.status for end in (read_end(place, job.id) for job in jobs)] == [
        None,
        "done",
    ]
    progress = steps.context.board.progress("a", ["bow"])
    assert progress.status == "running"
    assert f"{missing.name} takes no messages now" in progress.error
    lease = steps.context.board.key(keys.LEASE, PublishResults("a").step)
    assert redis.persist(lease), "the step is deferred"
    reconciler = Reconciler(steps.context)
    for _ in range(3):
        reconciler.tick()
    assert steps.take() is None, "it is not queued before its time"
    missing.create()
    redis.delete(lease)
    forget_refusal(steps, missing)
    for _ in range(3):
        reconciler.tick()
    publisher.handle_all()
    assert read_end(place, "a").status == "done"
    assert missing.received().keys() == result_ids(jobs[0])
    assert steps.context.board.progress("a", ["bow"]).error is None


def test_attempts_at_a_refusing_topic_become_rarer(steps, place, redis, publisher, topic):
    topic.refuse()
    message = run_up_to_publishing(
        steps, store_job(place, store_dataset(place, TEXTS), results=topic.name)
    )
    key, pauses = steps.context.board.key(keys.LEASE, message.step), []
    for _ in range(4):
        publisher.handle(message)
        pauses.append(redis.pttl(key) / 1000)
        redis.delete(key)
    assert pauses == pytest.approx([2, 8, 30, 30], abs=1)


def test_a_topic_that_refuses_half_way_gets_the_rest_later(steps, place, topic):
    """What it has received is not published again."""

    class RefusingTopic:
        """A topic that refuses from the third part on."""

        def __init__(self, real):
            self._real, self._remaining = real, 2

        def publish(self, messages):
            if not self._remaining:
                topic.refuse()
            self._remaining -= 1
            self._real.publish(messages)

    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    refusing = RefusingTopic(steps.topics.topic(topic.name))
    with pytest.raises(ResultsRefused, match="attempt 1"):
        publish_results(steps.context, lambda _: refusing, message)
    topic.allow()
    forget_refusal(steps, topic)
    steps.run(message)
    assert topic.received().keys() == result_ids(job)
    assert {len(data) for data in topic.received().values()} == {1}


def status_of(broker, place, job, capsys):
    settings = from_environment({"CHORUS_HOME": place.url, "CHORUS_BROKER_URL": broker.url})
    show_status(settings, job.id, JobSelection(), as_json=True, watch=False)
    return json.loads(capsys.readouterr().out)


def test_status_shows_how_many_parts_are_published_and_why_a_topic_refuses(
    steps, place, broker, publisher, topic, capsys, monkeypatch
):
    monkeypatch.setattr("chorus.service.connection.key_prefix", lambda _: PREFIX)
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    topic.refuse()
    publisher.handle(message)
    status = status_of(broker, place, job, capsys)
    assert (status["status"], status["labelled"]) == ("running", 5)
    assert status["results"] == f"{topic.name}: 0 of 3 parts published"
    assert "takes no messages now" in status["error"]
    topic.allow()
    forget_refusal(steps, topic)
    steps.run(message)
    status = status_of(broker, place, job, capsys)
    assert (status["status"], status["error"]) == ("done", None)
    assert status["results"] == f"{topic.name}: 3 of 3 parts published"


def test_a_topic_that_refused_just_now_is_not_tried_by_other_jobs(steps, place, topic):
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
    messages = [run_up_to_publishing(steps, job) for job in (first, second)]
    topic.refuse()
    with pytest.raises(ResultsRefused):
        steps.run(messages[0])
    topic.allow()
    with pytest.raises(ResultsRefused):
        steps.run(messages[1])
    assert topic.received() == {}
    forget_refusal(steps, topic)
    for message in messages:
        steps.run(message)
    assert topic.received().keys() == result_ids(first) | result_ids(second)

"""Publishing results over a real broker, with Google's client and a server of its protocol."""

import json

import pytest

from storage.places.place import LocalPlace
from storage.records.jobs import JobEnd, read_end, write_end
from storage.records.runs import Run, RunJob, create_run, read_run_end
from storage.tables import decode_parquet
from storage.versions.active_labels import read_active_labels
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.broker.step_messages import RESULTS_QUEUE, FinishJob, PublishResults
from tasks.jobs.submit import start_job, stop_job
from tasks.planning.reconcile_job import jobs_being_published
from tasks.steps.publish_results import publish_results
from tests.support.runs.failing_texts import FailingModel, run_to_end
from tests.support.runs.publishing import TEXTS, result_ids, run_up_to_publishing
from tests.support.runs.results_worker import results_worker
from tests.support.runs.steps import PREFIX, Steps, store_dataset, store_job
from tests.support.runs.waiting import wait_until
from workers.control.reconciler import Reconciler


def test_every_feedback_of_a_job_gets_a_result_and_then_the_job_is_done(steps, place, topic):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    assert (read_end(place, job.id), topic.received()) == (None, {})
    assert read_active_labels(place, "acme").datasets["upload"].job == job.id, (
        "labels become active before they are published"
    )
    steps.run(message)
    assert topic.received().keys() == result_ids(job)
    last, row = (
        json.loads(topic.received()["job1/part-00002/0"][0]),
        decode_parquet(job.output.read("part-00002.parquet")),
    )
    assert (last["id"], last["labels"]) == ("r4", {"mood": row["mood"][0].as_py()})
    assert read_end(place, job.id).status == "done"
    assert steps.context.board.running() == {}


def test_the_result_of_a_rejected_feedback_has_the_reason(place, redis, topic, topics):
    texts = ["fine", "kill it", "ok", "nan", "x"]
    job = store_job(place, store_dataset(place, texts), results=topic.name)
    run_to_end(Steps(place, redis, FailingModel, topics=topics), job)
    results = {json.loads(data)["id"]: json.loads(data) for [data] in topic.received().values()}
    assert results.keys() == {"r0", "r1", "r2", "r3", "r4"}
    assert [id_ for id_, result in results.items() if "labels" in result] == ["r0", "r2", "r4"]
    assert results["r1"]["rejected"] == {
        "reason": "model failed",
        "detail": "bow 1: ended by signal SIGKILL",
    }
    assert read_end(place, job.id).status == "done"


def test_a_job_without_a_topic_publishes_nothing(steps, place):
    job = store_job(place, store_dataset(place, TEXTS))
    start_job(steps.context, job)
    while message := steps.take():
        assert not isinstance(message, PublishResults)
        steps.run(message)
    assert read_end(place, job.id).status == "done"


def test_a_run_is_done_before_its_results_are_published(steps, place, topic):
    jobs = [
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
        ensemble=jobs[0].ensemble,
        models=jobs[0].models,
        jobs=tuple(
            RunJob(dataset=job.dataset, job=job.id, keep_text=True, keep_columns=True)
            for job in jobs
        ),
        keep=1,
        started_at=jobs[0].submitted_at,
    )
    create_run(place, run)
    for job in jobs:
        run_up_to_publishing(steps, job)
    assert [read_end(place, job.id) for job in jobs] == [None, None]
    assert read_run_end(place, "acme", "night").status == "done"
    assert {job.dataset: job.id for job in jobs} == {
        name: label.job for name, label in read_active_labels(place, "acme").datasets.items()
    }


def test_after_a_publisher_died_the_same_results_are_published_from_its_part_on(
    steps, place, topic
):
    """From the part that it worked on; from the first one if the board has lost the job."""

    class PublisherKilled(Exception):
        pass

    class TopicOfDyingPublisher:
        """A topic whose publisher dies after the second part, before it records that."""

        def __init__(self, topic):
            self._topic, self._remaining = topic, 2

        def publish(self, messages):
            self._topic.publish(messages)
            self._remaining -= 1
            if not self._remaining:
                raise PublisherKilled

    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    dying = TopicOfDyingPublisher(steps.topics.topic(topic.name))
    with pytest.raises(PublisherKilled):
        publish_results(steps.context, lambda _: dying, message)
    reconciler = Reconciler(steps.context)
    for _ in range(2):
        reconciler.tick()
    steps.drain()
    assert read_end(place, job.id).status == "done"
    assert {id_: len(set(data)) for id_, data in topic.received().items()} == dict.fromkeys(
        result_ids(job), 1
    )
    assert [len(data) for _, data in sorted(topic.received().items())] == [1, 1, 2, 2, 1]


def test_a_job_whose_publisher_was_killed_before_its_end_is_published_again_and_ended(
    steps, place, redis, broker, topic
):
    """The broker is lost as well, so no process knows that all was published."""
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    steps.context.publish(run_up_to_publishing(steps, job))
    with results_worker(place, broker, "one", "--hang"):
        wait_until(lambda: topic.received().keys() == result_ids(job), "the results")
    assert read_end(place, job.id) is None
    redis.flushall()
    with results_worker(place, broker, "two") as process:
        Reconciler(steps.context).tick()
        steps.run(FinishJob(job.id))
        wait_until(lambda: read_end(place, job.id), "the job to end")
        process.terminate()
        assert process.wait(20) == 0
    assert topic.received() == {id_: [data[0]] * 2 for id_, data in topic.received().items()}
    assert read_end(place, job.id).status == "done"
    assert redis.llen(PREFIX + RESULTS_QUEUE) == 0


def test_only_lost_messages_of_results_are_queued_again(steps, place, topic):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
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


def test_a_job_cancelled_before_publishing_publishes_when_it_is_started_again(
    steps, place, publisher, topic
):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    stop_job(steps.context, job, "cancelled")
    publisher.handle(message)
    assert (topic.received(), read_end(place, job.id).status) == ({}, "cancelled")
    start_job(steps.context, job)
    steps.drain()
    assert topic.received().keys() == result_ids(job)
    assert read_end(place, job.id).status == "done"


def test_a_job_cancelled_before_the_board_was_lost_publishes_nothing(steps, place, redis, topic):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    write_end(place, job.id, JobEnd(status="cancelled"))
    redis.flushall()
    steps.run(message)
    assert topic.received() == {}
    assert steps.context.board.is_stopped(job.id)


def test_a_part_lost_before_it_is_published_is_made_again(steps, place, topic):
    job = store_job(place, store_dataset(place, TEXTS), results=topic.name)
    message = run_up_to_publishing(steps, job)
    job.output.remove("part-00001.parquet")
    steps.run(message)
    steps.drain()
    assert topic.received().keys() == result_ids(job)
    assert read_end(place, job.id).status == "done"


class CreationRecorder(LocalPlace):
    """A place that records the paths of created files."""

    def __init__(self, root):
        super().__init__(root)
        self.created = []

    def create(self, path, data, *, durable=False):
        self.created.append(path)
        return super().create(path, data, durable=durable)


def test_a_job_that_is_finished_again_activates_its_labels_once(tmp_path, redis, topic):
    place = CreationRecorder(tmp_path)
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

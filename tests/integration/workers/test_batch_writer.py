"""No message is acknowledged before it is stored, and no id is stored twice, whichever bridge dies
or is slow.
"""

import json
import shutil
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from intake.messages import batch
from intake.messages.dead_letters import DeadLetters
from intake.messages.message import Message, parse_message
from intake.messages.subscription import ReceivedMessage
from storage.config.config_file import BadConfigFile
from storage.places.place import LocalPlace
from storage.records import feedback, jobs
from storage.records.labelled_output import MANIFEST, SUCCESS, Manifest, default_folder
from storage.tables import decode_parquet
from storage.versions.active_labels import read_active_labels
from tasks.board.bridge_roster import Outcome
from tasks.board.message_dedup import MessageDedup
from tasks.jobs.activate_labels import activate_labels, active_jobs
from tasks.jobs.prune import Unreferenced, find_unreferenced, prune
from tasks.jobs.reprocess import build_run
from tests.support.runs.steps import Steps
from workers.bridge import batch_writer
from workers.bridge.batch_writer import BatchWriter, ClaimedElsewhere, ReceivedFeedback

PROMOTED = datetime(2026, 1, 3, tzinfo=UTC)
TOPIC = "projects/tests/topics/labels"


class WriterWorld:
    """A root, a broker, and the messages that were acknowledged."""

    def __init__(self, place, redis):
        self.place = place
        self.steps = Steps(place, redis)
        self.acknowledged = []  # (id of the message, outcome)
        self.numbers = iter(range(10**6))

    def bridge(self):
        """Return the writer of another bridge: they share storage and Redis only."""
        context = self.steps.context
        dedup = MessageDedup(self.place, context.board, 3600)
        return BatchWriter(
            context, dedup, DeadLetters(self.place, None), results=TOPIC, max_chars=100
        )

    def receive(self, *ids, text="fine"):
        batch = []
        for id_ in ids:
            body = json.dumps({"id": id_, "customer": "plain", "text": text}).encode()
            message = Message(body, {}, str(next(self.numbers)))
            batch.append(
                ReceivedFeedback(
                    ReceivedMessage(message, None, None), parse_message(message, lambda _: True)
                )
            )
        return batch

    def write(self, *ids, bridge=None, text="fine"):
        (bridge or self.bridge()).write("plain", self.receive(*ids, text=text), self.acknowledge)

    def acknowledge(self, messages, outcome: Outcome):
        for received in messages:
            id_ = json.loads(received.message.data)["id"]
            if outcome in ("stored", "duplicate"):
                assert id_ in self.stored(), "acknowledged, and not stored"
            self.acknowledged.append((id_, outcome))

    def stored(self):
        """Return the ids of all stored feedback."""
        return [
            id_
            for dataset in feedback.datasets(self.place, "plain")
            for id_ in feedback.read_chunk(self.place, dataset, 0, ["id"])["id"].to_pylist()
        ]

    def check(self, *ids):
        """Check that each id is stored once, and that every batch has one job, which runs."""
        assert sorted(self.stored()) == sorted(ids)
        all_jobs = jobs.all_jobs(self.place)
        assert sorted(job.dataset for job in all_jobs) == sorted(
            dataset.id for dataset in feedback.datasets(self.place, "plain")
        )
        assert {job.id for job in all_jobs} == set(self.steps.context.board.running())
        assert all(job.results == TOPIC for job in all_jobs)


@pytest.fixture
def world(registry, redis, tmp_path):
    return WriterWorld(LocalPlace(shutil.copytree(registry, tmp_path / "home")), redis)


class WriterKilled(BaseException):
    """Stands for the end of the process."""


def kill_at(monkeypatch, module, name, after=False):
    """End the process when it calls this function of a module, or right after it, once."""
    real = getattr(module, name)

    def end(*arguments, **named):
        monkeypatch.setattr(module, name, real)
        if after:
            real(*arguments, **named)
        raise WriterKilled

    monkeypatch.setattr(module, name, end)


@pytest.fixture
def impatient(monkeypatch):
    """A batch that is not stored is abandoned at once."""
    monkeypatch.setattr(batch_writer, "_ABANDON_SECONDS", -1.0)


def test_a_batch_is_stored_its_job_started_and_then_acknowledged(world):
    world.write("a", "b")
    world.check("a", "b")
    assert world.acknowledged == [("a", "stored"), ("b", "stored")]
    [dataset] = feedback.datasets(world.place, "plain")
    assert dataset.first.results == TOPIC


def test_known_ids_are_acknowledged_as_duplicates_and_the_first_text_stays(world):
    world.write("a", "b")
    world.write("b", "c", "b", "c", text="another")
    world.check("a", "b", "c")
    assert Counter(world.acknowledged[2:]) == Counter(
        {("c", "stored"): 1, ("c", "duplicate"): 1, ("b", "duplicate"): 2}
    )
    first = feedback.datasets(world.place, "plain")[0]
    assert feedback.read_texts(world.place, first, 0).to_pylist() == ["fine", "fine"]


POINTS = [
    (batch_writer, "submit_batch", False),  # claimed, not stored
    (batch, "store_chunk", True),  # the chunk is stored, dataset.json is not
    (batch, "create_dataset", True),  # no job
    (batch_writer, "submit_batch", True),  # not acknowledged
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("module", "name", "after"), POINTS, ids=["claimed", "chunk", "dataset", "job"]
)
def test_wherever_a_bridge_dies_each_id_is_stored_once_and_its_job_runs(
    world, monkeypatch, module, name, after
):
    kill_at(monkeypatch, module, name, after)
    with pytest.raises(WriterKilled):
        world.write("a", "b")
    assert world.acknowledged == []
    world.write("b", "c")
    world.write("a")
    world.check("a", "b", "c")
    assert {id_ for id_, _ in world.acknowledged} == {"a", "b", "c"}


def test_a_job_that_was_not_started_is_started_when_the_message_is_delivered_again(
    world, monkeypatch
):
    kill_at(monkeypatch, batch_writer, "submit_batch", after=True)
    with pytest.raises(WriterKilled):
        world.write("a")
    world.steps.context.board.redis.flushall()
    world.write("a")
    world.check("a")


def test_a_promotion_between_crash_and_redelivery_makes_no_second_job(world, monkeypatch):
    kill_at(monkeypatch, batch, "create_dataset", after=True)
    with pytest.raises(WriterKilled):
        world.write("a")
    target = Target(name="mood", mode="one_of", members=(Member(model="mood-plain"),))
    registry = EnsembleRegistry(world.place)
    registry.store.promote(
        "plain", registry.publish("plain", Ensemble(targets=(target,)), PROMOTED), PROMOTED
    )
    world.write("a")
    world.check("a")
    assert [model.name for model in jobs.all_jobs(world.place)[0].models] == ["mood-bow"]


@pytest.mark.usefixtures("impatient")
def test_a_slow_bridge_whose_batch_was_abandoned_stores_nothing_of_it(world, monkeypatch):
    real, abandoned = batch.store_chunk, []

    def put(place, customer, name, table):
        monkeypatch.setattr(batch, "store_chunk", real)
        world.write("a")  # meanwhile another bridge gets the message again, and abandons our batch
        abandoned.append(name)
        return real(place, customer, name, table)

    monkeypatch.setattr(batch, "store_chunk", put)
    world.write("a", "b")
    world.check("a", "b")
    assert abandoned[0] not in {dataset.id for dataset in feedback.datasets(world.place, "plain")}
    assert Counter(world.acknowledged) == Counter(
        {("a", "stored"): 1, ("a", "duplicate"): 1, ("b", "stored"): 1}
    )


def test_claims_that_redis_loses_while_their_batch_is_stored_are_restored(world, monkeypatch):
    real = batch.store_chunk

    def put(place, customer, name, table):
        monkeypatch.setattr(batch, "store_chunk", real)
        world.steps.context.board.redis.flushall()
        world.write("b")  # claims of stored batches are restored; ours is not yet
        return real(place, customer, name, table)

    monkeypatch.setattr(batch, "store_chunk", put)
    world.write("a")
    world.write("a")
    world.check("a", "b")
    assert Counter(world.acknowledged) == Counter(
        {("b", "stored"): 1, ("a", "stored"): 1, ("a", "duplicate"): 1}
    )


def test_ids_that_another_bridge_is_about_to_store_are_left_to_it(world, monkeypatch):
    monkeypatch.setattr(batch_writer, "_WAIT_SECONDS", 0.0)
    kill_at(monkeypatch, batch_writer, "submit_batch")
    with pytest.raises(WriterKilled):
        world.write("a")
    with pytest.raises(ClaimedElsewhere):
        world.write("a", "b")
    assert world.acknowledged == [("b", "stored")]
    world.check("b")


def test_messages_of_a_customer_without_an_ensemble_are_neither_claimed_nor_stored(world):
    world.place.replace("customers.toml", b'[customers.plain]\nensemble = "nobody"\n')
    with pytest.raises(BadConfigFile, match="no nobody among the ensembles"):
        world.write("a")
    assert (world.acknowledged, world.place.names("feedback")) == ([], [])
    world.place.replace("customers.toml", b'[customers.plain]\nensemble = "plain"\n')
    world.write("a")
    world.check("a")


def test_a_rejected_message_is_stored_with_its_reason_and_holds_up_no_other(world):
    world.write("a", "bad\nid", "b")
    world.write("c", text=" ")
    world.check("a", "b")
    assert Counter(outcome for _, outcome in world.acknowledged) == Counter(
        {"stored": 2, "rejected": 2}
    )
    [day] = world.place.names("rejected-messages")
    tables = [
        decode_parquet(world.place.read(f"rejected-messages/{day}/{name}"))
        for name in world.place.names(f"rejected-messages/{day}")
    ]
    assert [table["reason"].to_pylist() for table in tables] == [["bad id"], ["no text"]]
    assert json.loads(tables[1]["raw"][0].as_py())["id"] == "c"


ids = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(ids, st.sampled_from([None, *POINTS])), min_size=1, max_size=6))
def test_any_batches_and_any_deaths_store_each_id_once(registry, redis, tmp_path_factory, batches):
    redis.flushall()
    world = WriterWorld(
        LocalPlace(shutil.copytree(registry, tmp_path_factory.mktemp("any") / "home")), redis
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_writer, "_ABANDON_SECONDS", -1.0)
        for batch_ids, point in batches:
            if point is not None:
                kill_at(patch, *point)
            acknowledged = False
            while not acknowledged:  # the service delivers them again
                with suppress(WriterKilled):
                    world.write(*batch_ids)
                    acknowledged = True
    world.check(*{id_ for batch_ids, _ in batches for id_ in batch_ids})


def test_a_nightly_run_uses_the_labels_of_messages_and_makes_no_second_job(world):
    world.write("a", "b")
    now = datetime.now(UTC)
    run = build_run(world.place, "plain", name="night", now=now)
    assert [each.job for each in run.jobs] == [job.id for job in jobs.all_jobs(world.place)]


def test_the_first_labels_of_messages_are_active_without_a_move_of_the_pointer(world):
    world.write("a")
    world.write("b")
    assert active_jobs(world.place, "plain") == {}
    all_jobs = jobs.all_jobs(world.place)
    for job in all_jobs:
        activate_labels(world.place, job, datetime.now(UTC))
        jobs.write_end(world.place, job.id, jobs.JobEnd(status="done"))
    assert active_jobs(world.place, "plain") == {job.dataset: job.id for job in all_jobs}
    assert read_active_labels(world.place, "plain").datasets == {}


def test_other_labels_of_messages_are_active_once_they_are_activated(world):
    world.write("a")
    [first] = jobs.all_jobs(world.place)
    jobs.write_end(world.place, first.id, jobs.JobEnd(status="done"))
    again = first.model_copy(
        update={"id": "again", "out": world.place.url_of(default_folder("plain", "again"))}
    )
    jobs_path = jobs.job_path(again.id)
    world.place.create(jobs_path, again.encode())
    activate_labels(world.place, again, datetime.now(UTC))
    activate_labels(world.place, first, datetime.now(UTC))
    assert active_jobs(world.place, "plain") == {first.dataset: "again"}


def test_the_first_labels_of_messages_are_active_though_their_results_are_not_published(world):
    world.write("a")
    [job] = jobs.all_jobs(world.place)
    assert active_jobs(world.place, "plain") == {}
    rejects = feedback.rejects_path("plain", job.dataset)
    manifest = Manifest(
        job=job.id,
        customer="plain",
        dataset=job.dataset,
        ensemble=job.ensemble,
        models=job.models,
        rows_in=1,
        rows_labelled=1,
        rows_rejected=0,
        rejects=rejects,
        parts=(),
    )
    job.output.create(MANIFEST, manifest.encode())
    job.output.create(SUCCESS, b"")
    assert jobs.read_end(world.place, job.id) is None
    assert active_jobs(world.place, "plain") == {job.dataset: job.id}
    jobs.write_end(world.place, job.id, jobs.JobEnd(status="cancelled"))
    assert active_jobs(world.place, "plain") == {job.dataset: job.id}, (
        "only the results are given up"
    )
    jobs.write_end(world.place, job.id, jobs.JobEnd(status="removed"))
    assert active_jobs(world.place, "plain") == {}


def test_prune_keeps_the_first_labels_of_messages_while_they_are_active(world):
    world.write("a")
    [first] = jobs.all_jobs(world.place)
    later = datetime(2030, 1, 1, tzinfo=UTC)
    again = first.model_copy(
        update={
            "id": "again",
            "out": world.place.url_of(default_folder("plain", "again")),
            "submitted_at": later,
        }
    )
    # of a run whose labels were not activated
    world.place.create(jobs.job_path(again.id), again.encode())
    for job in (first, again):
        jobs.write_end(world.place, job.id, jobs.JobEnd(status="done"))
    assert find_unreferenced(world.place, keep=0).labels == ()
    assert prune(world.place, Unreferenced((first,), (), ())).labels == (), "even on request"
    activate_labels(world.place, again, later)
    assert find_unreferenced(world.place, keep=0).labels == (first,)


def test_an_unstored_batch_with_a_time_in_the_future_is_abandoned(world, monkeypatch):
    monkeypatch.setattr(
        batch_writer, "batch_name", lambda now: batch.batch_name(now + timedelta(hours=1))
    )
    kill_at(monkeypatch, batch_writer, "submit_batch")
    with pytest.raises(WriterKilled):
        world.write("a")  # by a bridge whose clock is ahead
    monkeypatch.setattr(batch_writer, "batch_name", batch.batch_name)
    world.write("a")
    world.check("a")

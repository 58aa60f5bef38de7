"""Nothing is settled that is not stored, and no id is stored twice, whoever dies or is slow on the
way.
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
from storage.places.place import LocalPlace
from storage.records import feedback, jobs
from storage.records.labelled_output import MANIFEST, SUCCESS, Manifest, default_folder
from storage.tables import decode_parquet
from storage.versions.active_labels import read_active_labels
from storage.versions.version_store import NotPublished
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


class World:
    def __init__(self, place, redis):
        self.place = place
        self.steps = Steps(place, redis)
        self.settled = []  # (id of the message, outcome)
        self.numbers = iter(range(10**6))

    def bridge(self):
        """Another process, as far as anything that is shared can tell."""
        context = self.steps.context
        once = MessageDedup(self.place, context.board, 3600)
        return BatchWriter(
            context, once, DeadLetters(self.place, None), results=TOPIC, max_chars=100
        )

    def read(self, *ids, text="fine"):
        found = []
        for id_ in ids:
            body = json.dumps({"id": id_, "customer": "plain", "text": text}).encode()
            message = Message(body, {}, str(next(self.numbers)))
            found.append(
                ReceivedFeedback(
                    ReceivedMessage(message, None, None), parse_message(message, lambda _: True)
                )
            )
        return found

    def take(self, *ids, bridge=None, text="fine"):
        (bridge or self.bridge()).write("plain", self.read(*ids, text=text), self.settle)

    def settle(self, messages, outcome: Outcome):
        for one in messages:
            id_ = json.loads(one.message.data)["id"]
            if outcome in ("stored", "duplicate"):
                assert id_ in self.stored(), "settled, and not stored"
            self.settled.append((id_, outcome))

    def stored(self):
        """The ids of all stored feedback."""
        return [
            id_
            for dataset in feedback.datasets(self.place, "plain")
            for id_ in feedback.read_chunk(self.place, dataset, 0, ["id"])["id"].to_pylist()
        ]

    def check(self, *ids):
        """Each is stored once, every batch has one job, and all of these are to go on."""
        assert sorted(self.stored()) == sorted(ids)
        found = jobs.all_jobs(self.place)
        assert sorted(job.dataset for job in found) == sorted(
            one.id for one in feedback.datasets(self.place, "plain")
        )
        assert {job.id for job in found} == set(self.steps.context.board.running())
        assert all(job.results == TOPIC for job in found)


@pytest.fixture
def world(registry, redis, tmp_path):
    return World(LocalPlace(shutil.copytree(registry, tmp_path / "home")), redis)


class Killed(BaseException):
    """What stands for the end of the process."""


def killed_at(monkeypatch, where, name, after=False):
    """The process ends when it calls this function of a module, or right after it, once."""
    real = getattr(where, name)

    def end(*arguments, **named):
        monkeypatch.setattr(where, name, real)
        if after:
            real(*arguments, **named)
        raise Killed

    monkeypatch.setattr(where, name, end)


@pytest.fixture
def impatient(monkeypatch):
    """A batch that is not stored is given up at once."""
    monkeypatch.setattr(batch_writer, "_ABANDON_SECONDS", -1.0)


def test_a_batch_is_stored_with_a_job_that_is_set_going_and_then_settled(world):
    world.take("a", "b")
    world.check("a", "b")
    assert world.settled == [("a", "stored"), ("b", "stored")]
    [dataset] = feedback.datasets(world.place, "plain")
    assert dataset.first.results == TOPIC


def test_ids_that_came_before_are_settled_as_duplicates_and_the_first_text_stays(world):
    world.take("a", "b")
    world.take("b", "c", "b", "c", text="another")
    world.check("a", "b", "c")
    assert Counter(world.settled[2:]) == Counter(
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
    ("where", "name", "after"), POINTS, ids=["claimed", "chunk", "dataset", "job"]
)
def test_a_bridge_that_dies_anywhere_leaves_nothing_undone_and_nothing_twice(
    world, monkeypatch, where, name, after
):
    killed_at(monkeypatch, where, name, after)
    with pytest.raises(Killed):
        world.take("a", "b")
    assert world.settled == []
    world.take("b", "c")
    world.take("a")
    world.check("a", "b", "c")
    assert {id_ for id_, _ in world.settled} == {"a", "b", "c"}


def test_a_job_that_could_not_be_set_going_is_by_whoever_gets_the_message_again(world, monkeypatch):
    killed_at(monkeypatch, batch_writer, "submit_batch", after=True)
    with pytest.raises(Killed):
        world.take("a")
    world.steps.context.board.redis.flushall()
    world.take("a")
    world.check("a")


def test_a_promotion_between_crash_and_redelivery_makes_no_second_job(world, monkeypatch):
    killed_at(monkeypatch, batch, "create_dataset", after=True)
    with pytest.raises(Killed):
        world.take("a")
    target = Target(name="mood", mode="one_of", members=(Member(model="mood-plain"),))
    registry = EnsembleRegistry(world.place)
    registry.store.promote(
        "plain", registry.publish("plain", Ensemble(targets=(target,)), PROMOTED), PROMOTED
    )
    world.take("a")
    world.check("a")
    assert [model.name for model in jobs.all_jobs(world.place)[0].models] == ["mood-bow"]


@pytest.mark.usefixtures("impatient")
def test_a_slow_bridge_that_was_given_up_stores_nothing_and_its_messages_come_in_elsewhere(
    world, monkeypatch
):
    real, slow = batch.store_chunk, []

    def put(place, customer, name, table):
        monkeypatch.setattr(batch, "store_chunk", real)
        world.take("a")  # while we sleep, another bridge gets the message again, and gives us up
        slow.append(name)
        return real(place, customer, name, table)

    monkeypatch.setattr(batch, "store_chunk", put)
    world.take("a", "b")
    world.check("a", "b")
    assert slow[0] not in {one.id for one in feedback.datasets(world.place, "plain")}
    assert Counter(world.settled) == Counter(
        {("a", "stored"): 1, ("a", "duplicate"): 1, ("b", "stored"): 1}
    )


def test_ids_that_redis_forgets_while_their_batch_is_stored_stay_claimed(world, monkeypatch):
    real = batch.store_chunk

    def put(place, customer, name, table):
        monkeypatch.setattr(batch, "store_chunk", real)
        world.steps.context.board.redis.flushall()
        world.take("b")  # what is stored by now is claimed anew; we are not
        return real(place, customer, name, table)

    monkeypatch.setattr(batch, "store_chunk", put)
    world.take("a")
    world.take("a")
    world.check("a", "b")
    assert Counter(world.settled) == Counter(
        {("b", "stored"): 1, ("a", "stored"): 1, ("a", "duplicate"): 1}
    )


def test_what_another_bridge_is_about_to_store_is_left_to_it(world, monkeypatch):
    monkeypatch.setattr(batch_writer, "_WAIT_SECONDS", 0.0)
    killed_at(monkeypatch, batch_writer, "submit_batch")
    with pytest.raises(Killed):
        world.take("a")
    with pytest.raises(ClaimedElsewhere):
        world.take("a", "b")
    assert world.settled == [("b", "stored")]
    world.check("b")


def test_of_a_customer_whom_nobody_can_label_nothing_is_claimed_or_stored(world):
    world.place.replace("customers.toml", b'[customers.plain]\nensemble = "nobody"\n')
    with pytest.raises(NotPublished):
        world.take("a")
    assert (world.settled, world.place.names("feedback")) == ([], [])
    world.place.replace("customers.toml", b'[customers.plain]\nensemble = "plain"\n')
    world.take("a")
    world.check("a")


def test_what_is_no_feedback_is_put_away_with_its_reason_and_holds_up_nothing(world):
    world.take("a", "bad\nid", "b")
    world.take("c", text=" ")
    world.check("a", "b")
    assert Counter(outcome for _, outcome in world.settled) == Counter({"stored": 2, "rejected": 2})
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
def test_whatever_comes_and_whoever_dies_each_id_is_stored_once(
    registry, redis, tmp_path_factory, batches
):
    redis.flushall()
    world = World(
        LocalPlace(shutil.copytree(registry, tmp_path_factory.mktemp("any") / "home")), redis
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_writer, "_ABANDON_SECONDS", -1.0)
        for some, point in batches:
            if point is not None:
                killed_at(patch, *point)
            acknowledged = False
            while not acknowledged:  # the service delivers them again
                with suppress(Killed):
                    world.take(*some)
                    acknowledged = True
    world.check(*{id_ for some, _ in batches for id_ in some})


def test_the_night_finds_the_labels_of_messages_and_makes_no_second_job(world):
    world.take("a", "b")
    now = datetime.now(UTC)
    run = build_run(world.place, "plain", name="night", now=now)
    assert [each.job for each in run.jobs] == [job.id for job in jobs.all_jobs(world.place)]


def test_the_first_labels_of_messages_count_without_a_move_of_the_pointer(world):
    world.take("a")
    world.take("b")
    assert active_jobs(world.place, "plain") == {}
    found = jobs.all_jobs(world.place)
    for job in found:
        activate_labels(world.place, job, datetime.now(UTC))
        jobs.write_end(world.place, job.id, jobs.JobEnd(status="done"))
    assert active_jobs(world.place, "plain") == {job.dataset: job.id for job in found}
    assert read_active_labels(world.place, "plain").datasets == {}


def test_other_labels_of_messages_count_once_they_are_asked_for(world):
    world.take("a")
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


def test_the_first_labels_of_messages_count_though_their_topic_is_away(world):
    world.take("a")
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
        "that gives up the results alone"
    )
    jobs.write_end(world.place, job.id, jobs.JobEnd(status="removed"))
    assert active_jobs(world.place, "plain") == {}


def test_prune_leaves_the_first_labels_of_messages_while_they_count(world):
    world.take("a")
    [first] = jobs.all_jobs(world.place)
    later = datetime(2030, 1, 1, tzinfo=UTC)
    again = first.model_copy(
        update={
            "id": "again",
            "out": world.place.url_of(default_folder("plain", "again")),
            "submitted_at": later,
        }
    )
    # of a run whose labels did not come to count
    world.place.create(jobs.job_path(again.id), again.encode())
    for job in (first, again):
        jobs.write_end(world.place, job.id, jobs.JobEnd(status="done"))
    assert find_unreferenced(world.place, keep=0).labels == ()
    assert prune(world.place, Unreferenced((first,), (), ())).labels == (), "whoever asked for it"
    activate_labels(world.place, again, later)
    assert find_unreferenced(world.place, keep=0).labels == (first,)


def test_a_batch_from_the_future_that_was_never_stored_is_given_up(world, monkeypatch):
    monkeypatch.setattr(
        batch_writer, "batch_name", lambda now: batch.batch_name(now + timedelta(hours=1))
    )
    killed_at(monkeypatch, batch_writer, "submit_batch")
    with pytest.raises(Killed):
        world.take("a")  # by a bridge whose clock is ahead
    monkeypatch.setattr(batch_writer, "batch_name", batch.batch_name)
    world.take("a")
    world.check("a")

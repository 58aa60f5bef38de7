"""What is due is set going once, whoever looks, however often and however many at once; and runs
never overlap.
"""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from storage.records.labelled_output import EnsembleVersion
from storage.records.runs import Run, RunEnd, create_run, end_run, read_run, remove_run, run_names
from storage.versions.schedule_state import ScheduleState, run_name, schedule_pointer
from storage.versions.version_store import NotPublished
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.jobs.cron import Cron
from tasks.jobs.schedule import RunsStillOpen, Schedule, has_work, run_due, run_now
from tests.support.runs.steps import store_dataset

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = Schedule("nightly", Cron("30 2 * * *", "UTC"), customers=("acme",))


def half_past_two(day):
    return datetime(2026, 3, day, 2, 30, tzinfo=UTC)


class World:
    """A root, and a way to begin runs that only writes them down."""

    def __init__(self, place):
        self.place = place
        self.context = Context(place, board=None, publish=None)
        self.begun = []
        self.fails = {}  # customer → what happens when its run is begun

    def begin(self, context, customer, *, name, since, until, keep, now):
        assert until is None
        if customer in self.fails:
            raise self.fails[customer]
        self.begun.append((customer, name))
        ensemble = EnsembleVersion(name="default", version=1)
        run = Run(
            customer=customer,
            name=name,
            ensemble=ensemble,
            models=(),
            jobs=(),
            keep=keep,
            started_at=now,
            since=since,
        )
        return create_run(context.place, run)

    def look(self, now, schedule=NIGHTLY):
        wanted = has_work(self.place, schedule, now)
        before = list(schedule_pointer(self.place, schedule.name).history())
        run_due(self.context, schedule, now, self.begin)
        assert wanted == (list(schedule_pointer(self.place, schedule.name).history()) != before)

    def run_now(self, now, schedule=NIGHTLY):
        return run_now(self.context, schedule, now, self.begin)

    def end(self, name, customer="acme", status="done"):
        end_run(self.place, read_run(self.place, customer, name), RunEnd(status=status, at=NOON))

    @property
    def settled(self):
        return schedule_pointer(self.place, "nightly").current()


@pytest.fixture
def world(place):
    """On which nightly was first seen on the first of March, at noon."""
    world = World(place)
    world.look(NOON)
    return world


def test_a_schedule_counts_from_when_it_is_first_seen(world):
    assert world.settled == ScheduleState(number=0, due=NOON, cron="30 2 * * *", timezone="UTC")
    world.look(NOON + 14 * HOUR)
    assert world.begun == []


def test_what_is_due_is_set_going_once_however_often_somebody_looks(world):
    for minutes in (0, 1, 60):
        world.look(half_past_two(2) + timedelta(minutes=minutes))
    world.end("nightly-000001")
    world.look(half_past_two(2) + timedelta(hours=3))
    assert world.begun == [("acme", "nightly-000001")]
    assert (world.settled.due, world.settled.customers) == (half_past_two(2), ("acme",))


def test_missed_runs_are_caught_up_once(world):
    now = half_past_two(6) + HOUR
    world.look(now)
    assert world.settled.due == half_past_two(6)
    world.end("nightly-000001")
    world.look(now + HOUR)
    assert world.begun == [("acme", "nightly-000001")]
    world.look(half_past_two(7))
    assert world.begun[1:] == [("acme", "nightly-000002")]


@pytest.mark.parametrize("status", ["done", "failed"])
def test_while_a_run_goes_on_none_starts_and_what_came_meanwhile_is_caught_up_once(world, status):
    world.look(half_past_two(2))
    for day in (3, 4):
        world.look(half_past_two(day))
    assert len(world.begun) == 1
    world.end("nightly-000001", status=status)
    for _ in range(2):
        world.look(half_past_two(4) + HOUR)
    assert world.begun[1:] == [("acme", "nightly-000002")]
    assert world.settled.due == half_past_two(4)


def test_it_waits_for_every_customer_of_the_last_run(world):
    both = Schedule("nightly", NIGHTLY.cron, customers=("acme", "globex"))
    world.look(half_past_two(2), both)
    world.end("nightly-000001", "globex")
    world.look(half_past_two(3), both)
    assert len(world.begun) == 2
    world.end("nightly-000001", "acme")
    world.look(half_past_two(3), both)
    assert len(world.begun) == 4


def test_a_run_that_was_pruned_has_ended(world):
    world.look(half_past_two(2))
    world.end("nightly-000001")
    remove_run(world.place, "acme", "nightly-000001")
    world.look(half_past_two(3))
    assert world.begun[1:] == [("acme", "nightly-000002")]


def test_two_looks_at_once_set_the_same_run_going(world):
    together = Barrier(4)

    def looker(minutes):
        together.wait()
        run_due(world.context, NIGHTLY, half_past_two(2) + timedelta(minutes=minutes), world.begin)

    threads = [Thread(target=looker, args=(minutes,)) for minutes in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run_names(world.place, "acme") == ["nightly-000001"]
    assert [said.number for _, said in schedule_pointer(world.place, "nightly").history()] == [1, 0]


def test_a_look_that_died_before_it_was_noted_is_made_good_by_the_next(world):
    both = Schedule("nightly", NIGHTLY.cron, customers=("acme", "globex"))
    world.fails["globex"] = BrokerUnreachable("redis://x", "gone")
    with pytest.raises(BrokerUnreachable):
        world.look(half_past_two(2), both)
    assert world.settled.number == 0
    world.fails.clear()
    world.look(half_past_two(2) + HOUR, both)
    assert run_names(world.place, "acme") == run_names(world.place, "globex") == ["nightly-000001"]
    assert world.settled.customers == ("acme", "globex")


def test_a_customer_that_cannot_be_labelled_keeps_no_other_from_it(world):
    world.fails["acme"] = NotPublished("ensemble", "acme", [])
    world.look(half_past_two(2), Schedule("nightly", NIGHTLY.cron, customers=("acme", "globex")))
    assert world.settled.customers == ("globex",)
    assert "acme" in world.settled.refused["acme"]


def test_all_customers_are_those_with_feedback_at_that_time(world):
    everyone = Schedule("nightly", NIGHTLY.cron)
    store_dataset(world.place, ["x"], customer="globex")
    store_dataset(world.place, ["x"], customer="acme")
    world.look(half_past_two(2), everyone)
    assert world.begun == [("acme", "nightly-000001"), ("globex", "nightly-000001")]


def test_a_run_labels_what_was_taken_in_since_and_keeps_what_it_was_told(world):
    now = half_past_two(2)
    world.look(now, Schedule("nightly", NIGHTLY.cron, ("acme",), since=30 * DAY, keep=3))
    run = read_run(world.place, "acme", "nightly-000001")
    assert (run.since, run.keep) == (now - 30 * DAY, 3)


def test_a_new_line_counts_from_when_it_is_first_seen_and_waits_for_the_run_of_the_old_one(world):
    world.look(half_past_two(2))
    hourly = Schedule("nightly", Cron("0 * * * *", "UTC"), ("acme",))
    for _ in range(2):
        world.look(half_past_two(2) + timedelta(minutes=15), hourly)
    world.look(half_past_two(2) + HOUR, hourly)
    assert len(world.begun) == 1, "3:00 has come, and the run goes on"
    world.end("nightly-000001")
    world.look(half_past_two(2) + HOUR, hourly)
    assert world.begun[1:] == [("acme", "nightly-000002")]


def test_by_hand_it_is_set_going_without_its_time_which_still_comes(world):
    assert world.run_now(NOON + HOUR).customers == ("acme",)
    world.end("nightly-000001")
    world.look(half_past_two(2))
    assert world.begun == [("acme", "nightly-000001"), ("acme", "nightly-000002")]


def test_what_was_missed_before_a_run_by_hand_is_caught_up_after_it(world):
    world.run_now(half_past_two(2) + HOUR)
    world.look(half_past_two(2) + HOUR)
    assert len(world.begun) == 1, "they do not overlap"
    world.end("nightly-000001")
    world.look(half_past_two(2) + 2 * HOUR)
    assert (len(world.begun), world.settled.due) == (2, half_past_two(2))


def test_by_hand_it_is_refused_while_a_run_goes_on(world):
    world.look(half_past_two(2))
    with pytest.raises(
        RunsStillOpen, match=r"nightly-000001 .* customer acme is not done"
    ) as caught:
        world.run_now(half_past_two(2) + HOUR)
    assert caught.value.exit_status == 2


def test_by_hand_a_schedule_that_nobody_has_seen_can_be_run(place):
    World(place).run_now(NOON)
    assert schedule_pointer(place, "nightly").current().due == NOON


def test_the_name_of_a_run_sorts_by_its_number():
    assert run_name("nightly", 2) < run_name("nightly", 10)

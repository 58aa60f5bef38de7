"""Due runs start once, however often and in how many processes they are checked."""

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


class ScheduleWorld:
    """A root, with runs that are recorded and never executed."""

    def __init__(self, place):
        self.place = place
        self.context = Context(place, board=None, publish=None)
        self.started = []
        self.errors = {}  # customer → raised when its run is to start

    def start_run(self, context, customer, *, name, since, until, keep, now):
        assert until is None
        if customer in self.errors:
            raise self.errors[customer]
        self.started.append((customer, name))
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

    def check_schedule(self, now, schedule=NIGHTLY):
        expected = has_work(self.place, schedule, now)
        before = list(schedule_pointer(self.place, schedule.name).history())
        run_due(self.context, schedule, now, self.start_run)
        assert expected == (list(schedule_pointer(self.place, schedule.name).history()) != before)

    def run_now(self, now, schedule=NIGHTLY):
        return run_now(self.context, schedule, now, self.start_run)

    def end(self, name, customer="acme", status="done"):
        end_run(self.place, read_run(self.place, customer, name), RunEnd(status=status, at=NOON))

    @property
    def state(self):
        return schedule_pointer(self.place, "nightly").current()


@pytest.fixture
def world(place):
    """Return a world in which the schedule was first checked on 1 March at noon."""
    world = ScheduleWorld(place)
    world.check_schedule(NOON)
    return world


def test_times_before_the_first_check_of_a_schedule_are_not_due(world):
    assert world.state == ScheduleState(number=0, due=NOON, cron="30 2 * * *", timezone="UTC")
    world.check_schedule(NOON + 14 * HOUR)
    assert world.started == []


def test_a_due_run_starts_once_however_often_it_is_checked(world):
    for minutes in (0, 1, 60):
        world.check_schedule(half_past_two(2) + timedelta(minutes=minutes))
    world.end("nightly-000001")
    world.check_schedule(half_past_two(2) + timedelta(hours=3))
    assert world.started == [("acme", "nightly-000001")]
    assert (world.state.due, world.state.customers) == (half_past_two(2), ("acme",))


def test_missed_runs_are_caught_up_once(world):
    now = half_past_two(6) + HOUR
    world.check_schedule(now)
    assert world.state.due == half_past_two(6)
    world.end("nightly-000001")
    world.check_schedule(now + HOUR)
    assert world.started == [("acme", "nightly-000001")]
    world.check_schedule(half_past_two(7))
    assert world.started[1:] == [("acme", "nightly-000002")]


@pytest.mark.parametrize("status", ["done", "failed"])
def test_no_run_starts_while_one_is_open_and_missed_times_are_caught_up_once(world, status):
    world.check_schedule(half_past_two(2))
    for day in (3, 4):
        world.check_schedule(half_past_two(day))
    assert len(world.started) == 1
    world.end("nightly-000001", status=status)
    for _ in range(2):
        world.check_schedule(half_past_two(4) + HOUR)
    assert world.started[1:] == [("acme", "nightly-000002")]
    assert world.state.due == half_past_two(4)


def test_a_schedule_waits_for_every_customer_of_its_last_runs(world):
    both = Schedule("nightly", NIGHTLY.cron, customers=("acme", "globex"))
    world.check_schedule(half_past_two(2), both)
    world.end("nightly-000001", "globex")
    world.check_schedule(half_past_two(3), both)
    assert len(world.started) == 2
    world.end("nightly-000001", "acme")
    world.check_schedule(half_past_two(3), both)
    assert len(world.started) == 4


def test_a_pruned_run_counts_as_ended(world):
    world.check_schedule(half_past_two(2))
    world.end("nightly-000001")
    remove_run(world.place, "acme", "nightly-000001")
    world.check_schedule(half_past_two(3))
    assert world.started[1:] == [("acme", "nightly-000002")]


def test_checks_at_the_same_time_start_one_run(world):
    together = Barrier(4)

    def check(minutes):
        together.wait()
        run_due(
            world.context, NIGHTLY, half_past_two(2) + timedelta(minutes=minutes), world.start_run
        )

    threads = [Thread(target=check, args=(minutes,)) for minutes in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run_names(world.place, "acme") == ["nightly-000001"]
    assert [state.number for _, state in schedule_pointer(world.place, "nightly").history()] == [
        1,
        0,
    ]


def test_a_check_that_failed_half_way_is_completed_by_the_next(world):
    both = Schedule("nightly", NIGHTLY.cron, customers=("acme", "globex"))
    world.errors["globex"] = BrokerUnreachable("redis://x", "gone")
    with pytest.raises(BrokerUnreachable):
        world.check_schedule(half_past_two(2), both)
    assert world.state.number == 0
    world.errors.clear()
    world.check_schedule(half_past_two(2) + HOUR, both)
    assert run_names(world.place, "acme") == run_names(world.place, "globex") == ["nightly-000001"]
    assert world.state.customers == ("acme", "globex")


def test_a_customer_that_cannot_be_labelled_does_not_stop_the_others(world):
    world.errors["acme"] = NotPublished("ensemble", "acme", [])
    world.check_schedule(
        half_past_two(2), Schedule("nightly", NIGHTLY.cron, customers=("acme", "globex"))
    )
    assert world.state.customers == ("globex",)
    assert "acme" in world.state.refused["acme"]


def test_a_schedule_for_all_customers_covers_those_with_feedback_at_that_time(world):
    everyone = Schedule("nightly", NIGHTLY.cron)
    store_dataset(world.place, ["x"], customer="globex")
    store_dataset(world.place, ["x"], customer="acme")
    world.check_schedule(half_past_two(2), everyone)
    assert world.started == [("acme", "nightly-000001"), ("globex", "nightly-000001")]


def test_a_run_has_the_time_span_and_keep_of_its_schedule(world):
    now = half_past_two(2)
    world.check_schedule(now, Schedule("nightly", NIGHTLY.cron, ("acme",), since=30 * DAY, keep=3))
    run = read_run(world.place, "acme", "nightly-000001")
    assert (run.since, run.keep) == (now - 30 * DAY, 3)


def test_a_changed_cron_line_counts_from_its_first_check_and_waits_for_the_open_run(world):
    world.check_schedule(half_past_two(2))
    hourly = Schedule("nightly", Cron("0 * * * *", "UTC"), ("acme",))
    for _ in range(2):
        world.check_schedule(half_past_two(2) + timedelta(minutes=15), hourly)
    world.check_schedule(half_past_two(2) + HOUR, hourly)
    assert len(world.started) == 1, "3:00 has come, and the run is still open"
    world.end("nightly-000001")
    world.check_schedule(half_past_two(2) + HOUR, hourly)
    assert world.started[1:] == [("acme", "nightly-000002")]


def test_a_run_by_hand_starts_at_once_and_does_not_replace_the_due_one(world):
    assert world.run_now(NOON + HOUR).customers == ("acme",)
    world.end("nightly-000001")
    world.check_schedule(half_past_two(2))
    assert world.started == [("acme", "nightly-000001"), ("acme", "nightly-000002")]


def test_a_time_missed_before_a_run_by_hand_is_caught_up_after_it(world):
    world.run_now(half_past_two(2) + HOUR)
    world.check_schedule(half_past_two(2) + HOUR)
    assert len(world.started) == 1, "they do not overlap"
    world.end("nightly-000001")
    world.check_schedule(half_past_two(2) + 2 * HOUR)
    assert (len(world.started), world.state.due) == (2, half_past_two(2))


def test_a_run_by_hand_is_refused_while_a_run_is_open(world):
    world.check_schedule(half_past_two(2))
    with pytest.raises(
        RunsStillOpen, match=r"nightly-000001 .* customer acme is not done"
    ) as caught:
        world.run_now(half_past_two(2) + HOUR)
    assert caught.value.exit_status == 2


def test_a_schedule_that_was_never_checked_can_be_run_by_hand(place):
    ScheduleWorld(place).run_now(NOON)
    assert schedule_pointer(place, "nightly").current().due == NOON


def test_the_name_of_a_run_sorts_by_its_number():
    assert run_name("nightly", 2) < run_name("nightly", 10)

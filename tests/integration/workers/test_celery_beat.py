"""Celery beat queues the steps of due schedules only, has no state, and follows chorus.toml."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage.config.config_file import BadConfigFile
from storage.versions.schedule_state import ScheduleState, schedule_pointer
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.celery_app import make_app, make_publisher
from tasks.broker.step_messages import CONTROL_QUEUE, FinishJob, ReduceChunk, RunSchedule
from tasks.planning.dispatch import queued_arguments
from tasks.planning.reconcile_job import control_steps_in_flight
from tests.support.runs.steps import PREFIX
from workers.control.celery_beat import StoredScheduler
from workers.control.control_worker import run_schedule_step
from workers.runtime.run_step import run_step


def schedule_toml(name):
    return f'[[schedule]]\nname = "{name}"\ncron = "0 0 1 * *"\n'


@pytest.fixture
def app(broker):
    return make_app(broker, PREFIX)


@pytest.fixture
def context(place, redis, app, broker):
    return Context(place, Board(redis, PREFIX), make_publisher(app, broker))


@pytest.fixture
def ticking(context, app):
    """A function that makes a scheduler from chorus.toml, and ticks while work is due at once."""

    def tick(text, scheduler=None):
        context.place.replace("chorus.toml", text.encode())
        scheduler = scheduler or StoredScheduler(context, app=app)
        scheduler.read_every = 0
        while scheduler.tick() == 0:
            pass
        return scheduler

    return tick


def queued_schedules(context):
    return sorted(message["schedule"] for message in queued_arguments(context.board, CONTROL_QUEUE))


def mark_run(place, name, days_ago):
    due = datetime.now(UTC) - timedelta(days=days_ago)
    schedule_pointer(place, name).move(
        lambda _: ScheduleState(number=0, due=due, cron="0 0 1 * *", timezone="UTC")
    )


def test_new_and_due_schedules_are_queued_and_others_are_not(context, ticking):
    mark_run(context.place, "due", 40)
    mark_run(context.place, "done", 0)
    ticking(schedule_toml("new") + schedule_toml("due") + schedule_toml("done"))
    assert queued_schedules(context) == ["due", "new"]


def test_a_schedule_in_the_queue_is_not_queued_again_by_any_scheduler(context, ticking):
    for _ in range(3):
        ticking(schedule_toml("new"))
    assert queued_schedules(context) == ["new"]


def test_a_changed_file_is_read_again_and_nothing_is_queued_while_it_has_a_mistake(
    context, ticking, caplog
):
    scheduler = ticking(schedule_toml("one"))
    ticking(schedule_toml("one") + schedule_toml("two"), scheduler)
    assert queued_schedules(context) == ["one", "two"]
    ticking(schedule_toml("one") + schedule_toml("three") + "keep = -1", scheduler)
    assert "keep in [[schedule]] is -1" in caplog.text
    assert queued_schedules(context) == ["one", "two"]
    ticking(schedule_toml("three"), scheduler)
    assert queued_schedules(context) == ["one", "three", "two"]


def test_an_unreachable_broker_is_waited_for(context, app, caplog):
    def gone(_):
        raise BrokerUnreachable("redis://x", "gone")

    context.place.create("chorus.toml", schedule_toml("new").encode())
    StoredScheduler(replace(context, publish=gone), app=app).tick()
    assert "the broker does not answer" in caplog.text


def test_steps_of_schedules_and_of_jobs_share_a_queue(context):
    steps = [RunSchedule("nightly"), FinishJob("job"), ReduceChunk("job", "chunk")]
    for step in steps:
        context.publish(step)
    assert control_steps_in_flight(context.board, [step.step for step in steps]) == {
        step.step for step in steps
    }


def test_a_schedule_step_that_fails_fails_no_job_and_is_not_retried_for_ever(context, caplog):
    def broken(_):
        raise BadConfigFile("chorus.toml", 1, "", "this is not TOML.")

    run_step(context, broken, RunSchedule("nightly"))
    assert "chorus.look failed" in caplog.text


def test_a_schedule_that_was_removed_from_the_file_does_nothing(context):
    run_schedule_step(context, RunSchedule("gone"))
    assert schedule_pointer(context.place, "gone").current() is None

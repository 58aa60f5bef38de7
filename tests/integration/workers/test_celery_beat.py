"""Beat asks for a look at what is due, and at nothing else; it keeps nothing, and sees when
chorus.toml changes.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage.versions.schedule_state import ScheduleState, schedule_pointer
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerUnreachable
from tasks.broker.celery_app import make_app, make_publisher
from tasks.broker.step_messages import CONTROL_QUEUE, FinishJob, ReduceChunk, RunSchedule
from tasks.planning.dispatch import queued_arguments
from tasks.planning.reconcile_job import control_steps_in_flight
from tests.support.runs.steps import PREFIX
from workers.config.chorus_toml import BadChorusToml
from workers.control.celery_beat import StoredScheduler
from workers.control.control_worker import run_schedule_step
from workers.runtime.run_step import run_step


def line(name):
    return f'[[schedule]]\nname = "{name}"\ncron = "0 0 1 * *"\n'


@pytest.fixture
def app(broker):
    return make_app(broker, PREFIX)


@pytest.fixture
def context(place, redis, app, broker):
    return Context(place, Board(redis, PREFIX), make_publisher(app, broker))


@pytest.fixture
def ticking(context, app):
    """Makes a scheduler from chorus.toml, and a tick of it as long as there is something to do at
    once.
    """

    def tick(text, scheduler=None):
        context.place.replace("chorus.toml", text.encode())
        scheduler = scheduler or StoredScheduler(context, app=app)
        scheduler.read_every = 0
        while scheduler.tick() == 0:
            pass
        return scheduler

    return tick


def asked(context):
    return sorted(message["schedule"] for message in queued_arguments(context.board, CONTROL_QUEUE))


def settle(place, name, days_ago):
    due = datetime.now(UTC) - timedelta(days=days_ago)
    schedule_pointer(place, name).move(
        lambda _: ScheduleState(number=0, due=due, cron="0 0 1 * *", timezone="UTC")
    )


def test_it_asks_for_what_is_new_or_due_and_not_for_what_is_settled(context, ticking):
    settle(context.place, "due", 40)
    settle(context.place, "settled", 0)
    ticking(line("new") + line("due") + line("settled"))
    assert asked(context) == ["due", "new"]


def test_what_waits_in_the_queue_is_not_asked_for_again_by_anybody(context, ticking):
    for _ in range(3):
        ticking(line("new"))
    assert asked(context) == ["new"]


def test_a_change_of_the_file_is_noticed_and_while_it_is_broken_nothing_is_asked_for(
    context, ticking, caplog
):
    scheduler = ticking(line("one"))
    ticking(line("one") + line("two"), scheduler)
    assert asked(context) == ["one", "two"]
    ticking(line("one") + line("three") + "keep = -1", scheduler)
    assert "keep in [[schedule]] is -1" in caplog.text
    assert asked(context) == ["one", "two"]
    ticking(line("three"), scheduler)
    assert asked(context) == ["one", "three", "two"]


def test_a_broker_that_is_away_is_waited_for(context, app, caplog):
    def gone(_):
        raise BrokerUnreachable("redis://x", "gone")

    context.place.create("chorus.toml", line("new").encode())
    StoredScheduler(replace(context, publish=gone), app=app).tick()
    assert "the broker does not answer" in caplog.text


def test_its_messages_are_told_from_those_of_jobs_in_the_same_queue(context):
    steps = [RunSchedule("nightly"), FinishJob("job"), ReduceChunk("job", "chunk")]
    for step in steps:
        context.publish(step)
    assert control_steps_in_flight(context.board, [step.step for step in steps]) == {
        step.step for step in steps
    }


def test_a_look_that_fails_fails_no_job_and_is_not_tried_for_ever(context, caplog):
    def broken(_):
        raise BadChorusToml("chorus.toml", 1, "", "this is not TOML.")

    run_step(context, broken, RunSchedule("nightly"))
    assert "chorus.look failed" in caplog.text


def test_a_schedule_that_the_file_no_longer_has_just_stops(context):
    run_schedule_step(context, RunSchedule("gone"))
    assert schedule_pointer(context.place, "gone").current() is None

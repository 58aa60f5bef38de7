"""The schedules of chorus.toml in a real service."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.places.place import LocalPlace
from storage.records.runs import read_run_end
from storage.versions.active_labels import read_active_labels
from storage.versions.schedule_state import ScheduleState, schedule_pointer
from tests.support.runs.command import Command
from tests.support.runs.running_service import numbered_texts, running_service
from tests.support.runs.steps import store_dataset
from tests.support.runs.waiting import wait_until

LONG_AGO = datetime.now(UTC) - timedelta(days=10)
FILE = """
[[schedule]]
name = "nightly"
cron = "30 2 * * *"
timezone = "Europe/Berlin"
customers = ["plain"]
"""


@pytest.fixture
def chorus(home):
    """A root with feedback and a schedule, whose service has not run for days."""
    place = LocalPlace(home)
    place.create("chorus.toml", FILE.encode())
    store_dataset(place, numbered_texts(6), 3, "plain")
    seen = ScheduleState(number=0, due=LONG_AGO, cron="30 2 * * *", timezone="Europe/Berlin")
    schedule_pointer(place, "nightly").move(lambda _: seen)
    return Command(home, light=True)


def test_a_time_missed_without_a_service_is_run_once_and_a_manual_run_moves_no_due_time(
    chorus,
):
    with running_service(chorus) as up:

        def done(run):
            end = wait_until(lambda: read_run_end(up.place, "plain", run), f"{run} to end")
            assert end.status == "done", end.error
            assert read_active_labels(up.place, "plain").run == run
            return wait_until(
                lambda: (now := nightly.current()).customers and now,
                "the schedule state to be written",
            )

        nightly = schedule_pointer(up.place, "nightly")
        caught_up = done("nightly-000001")
        [shown] = chorus.here("schedule", "list", "--json").json["schedules"]
        assert (shown["state"], shown["run"]) == ("done", "nightly-000001")
        assert datetime.fromisoformat(shown["next"]) > datetime.now(UTC)

        by_hand = chorus.here("schedule", "run", "nightly", "--json")
        assert by_hand.status == 0, by_hand.err
        assert by_hand.json == {"run": "nightly-000002", "customers": ["plain"], "refused": {}}
        assert done("nightly-000002").due == caught_up.due
    assert [state.number for _, state in nightly.history()] == [2, 1, 0]

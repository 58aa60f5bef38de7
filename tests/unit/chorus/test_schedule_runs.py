"""`chorus schedule list` and `run`, and schedules in `chorus doctor`."""

import json
from datetime import UTC, datetime

import pytest

from chorus.common.settings import from_environment
from chorus.operations.doctor import examine
from chorus.reprocess.schedule_runs import NoSuchSchedule, run_schedule, show_schedules
from chorus.service.connection import NoService
from storage.records.labelled_output import EnsembleVersion
from storage.records.runs import Run, RunEnd, create_run, end_run
from storage.versions.schedule_state import ScheduleState, schedule_pointer
from tests.support.runs.steps import store_dataset

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
LEAP_DAY = {"cron": "0 0 29 2 *", "timezone": "Asia/Tokyo"}  # for years to come


@pytest.fixture
def settings(place):
    place.create(
        "chorus.toml", b'[[schedule]]\nname = "leap"\ncron = "0 0 29 2 *"\ntimezone = "Asia/Tokyo"'
    )
    return from_environment({"CHORUS_HOME": place.url})


@pytest.fixture
def shown(settings, capsys):
    """A function that returns the status of the only schedule."""

    def shown():
        show_schedules(settings, as_json=True)
        [status] = json.loads(capsys.readouterr().out)["schedules"]
        return status

    return shown


def start_runs(place, *customers, refused=None):
    """Start the first run of the schedule for these customers."""
    for customer in customers:
        ensemble = EnsembleVersion(name="default", version=1)
        create_run(
            place,
            Run(
                customer=customer,
                name="leap-000001",
                ensemble=ensemble,
                models=(),
                jobs=(),
                keep=1,
                started_at=LONG_AGO,
            ),
        )
    now = datetime.now(UTC)
    move = ScheduleState(
        number=1, due=now, at=LONG_AGO, customers=customers, refused=refused or {}, **LEAP_DAY
    )
    schedule_pointer(place, "leap").move(lambda _: move)


def end(place, customer, **ended):
    run = Run.decode(place.read(f"runs/{customer}/leap-000001/run.json"), "")
    end_run(place, run, RunEnd(at=LONG_AGO, **ended))


def test_a_schedule_that_no_service_has_read_is_due_at_its_next_time(shown):
    found = shown()
    assert (found["run"], found["state"], found["customers"]) == (None, "never run", "all")
    assert found["next"].endswith("-02-29T00:00:00+09:00")
    assert found["next_utc"].endswith("-02-28T15:00:00+00:00")


def test_a_missed_time_is_the_next_time(shown, place):
    schedule_pointer(place, "leap").move(
        lambda _: ScheduleState(number=0, due=datetime(2020, 1, 1, tzinfo=UTC), **LEAP_DAY)
    )
    assert shown()["next"] == "2024-02-29T00:00:00+09:00"


def test_the_last_run_is_running_until_it_is_done_for_all_customers(shown, place):
    start_runs(place, "acme", "globex")
    end(place, "acme", status="done")
    assert shown()["state"] == "running"
    end(place, "globex", status="done")
    found = shown()
    assert (found["state"], found["run"], found["failed"]) == ("done", "leap-000001", {})
    assert found["started"] == "2026-01-01T09:00:00+09:00"


def test_a_failed_or_refused_run_shows_the_reason(shown, place, settings, capsys):
    start_runs(place, "acme", "globex", refused={"initech": "There is no ensemble."})
    end(place, "acme", status="failed", error="1 of 2 jobs were not done.")
    end(place, "globex", status="done")
    found = shown()
    assert found["state"] == "failed"
    assert found["failed"] == {
        "initech": "There is no ensemble.",
        "acme": "1 of 2 jobs were not done.",
    }
    show_schedules(settings, as_json=False)
    table = capsys.readouterr().out
    assert "2026-01-01 09:00" in table
    assert "leap-000001, acme: 1 of 2 jobs were not done." in table


def test_a_run_without_feedback_had_nothing_to_label(shown, place):
    start_runs(place)
    assert shown()["state"] == "nothing to label"


def test_running_a_schedule_needs_a_service_and_a_schedule_in_the_file(settings, place):
    with pytest.raises(NoService):
        run_schedule(settings, "leap", as_json=False)
    elsewhere = from_environment(
        {"CHORUS_HOME": place.url, "CHORUS_BROKER_URL": "redis://127.0.0.1:1/0"}
    )
    with pytest.raises(NoSuchSchedule, match=r"no schedule lap\. It has: leap"):
        run_schedule(elsewhere, "lap", as_json=False)


def test_the_doctor_names_customers_without_feedback_and_a_bad_line(settings, place, capsys):
    def found(text):
        place.replace("chorus.toml", b'[[schedule]]\nname = "nightly"\ncron = "0 2 * * *"\n' + text)
        examine(settings, as_json=True)
        findings = {one["check"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
        return findings["schedules"]["well"], findings["schedules"]["found"]

    store_dataset(place, ["x"], customer="acme")
    assert found(b'customers = ["acme"]') == (True, "nightly")
    well, says = found(b'customers = ["acme", "globex"]')
    assert (well, "without feedback: globex." in says, "With feedback: acme." in says) == (
        False,
        True,
        True,
    )
    well, says = found(b"keep = -1")
    assert (well, "line 4: keep in [[schedule]] is -1" in says) == (False, True)

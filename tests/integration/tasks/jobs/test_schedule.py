"""A schedule and the runs that it starts, over a real broker."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

from storage.records.jobs import all_jobs
from storage.records.runs import read_run_end, run_names
from storage.versions.active_labels import read_active_labels
from storage.versions.schedule_state import ScheduleState, schedule_pointer
from tasks.jobs.cron import Cron
from tasks.jobs.schedule import Schedule, run_due
from tests.support.models.placeholder_models import (
    StepsWithRegistry,
    publish_ensemble,
    publish_model,
)
from tests.support.runs.steps import store_dataset

NIGHT = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
NIGHTLY = Schedule("nightly", Cron("30 2 * * *", "UTC"))


def test_checks_at_the_same_time_start_one_run_for_each_customer(place, redis):
    publish_model(place, "bow")
    publish_ensemble(place, {"bow": 1})
    steps = StepsWithRegistry(place, redis)
    for customer in ("acme", "globex"):
        store_dataset(place, [f"a text of {customer}", "another"], customer=customer)
    state = ScheduleState(
        number=0, due=NIGHT - timedelta(days=3), cron="30 2 * * *", timezone="UTC"
    )
    schedule_pointer(place, "nightly").move(lambda _: state)
    together = Barrier(4)

    def check():
        together.wait()
        run_due(steps.context, NIGHTLY, NIGHT)

    threads = [Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps.drain()
    run_due(steps.context, NIGHTLY, NIGHT + timedelta(hours=1))
    for customer in ("acme", "globex"):
        assert run_names(place, customer) == ["nightly-000001"]
        assert read_run_end(place, customer, "nightly-000001").status == "done"
        assert read_active_labels(place, customer).run == "nightly-000001"
    assert len(all_jobs(place)) == 2
    assert [state.number for _, state in schedule_pointer(place, "nightly").history()] == [1, 0]

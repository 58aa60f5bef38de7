"""Runs whose process or jobs were stopped: they are continued, or they end and say why."""

from datetime import UTC, datetime

import pytest

from models.publishing.registry import ModelRegistry
from storage.records.jobs import read_end, read_job
from storage.records.labelled_output import is_complete
from storage.records.runs import open_runs, read_run_end
from tasks.jobs.activate_labels import end_run_if_complete
from tasks.jobs.reprocess import continue_run, start_run
from tasks.jobs.submit import stop_job
from tasks.steps import finish as finishing
from tests.support.models.placeholder_models import (
    PUBLISHED,
)
from tests.support.runs.reprocessing import (
    TODAY,
    active_jobs,
    create_run_only,
    label_upload,
    publish_new_version,
    reprocess,
    steps_with_models,
)
from workers.control.reconciler import Reconciler


@pytest.fixture
def steps(place, redis):
    return steps_with_models(place, redis)


def test_after_a_crash_before_activation_the_labels_become_active(steps, monkeypatch):
    label_upload(steps, "monday", ["a", "b"])
    publish_new_version(steps)

    def kill(*_):
        raise KeyboardInterrupt

    run = start_run(steps.context, "acme", name="night", now=TODAY)
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "activate_labels", kill)
        with pytest.raises(KeyboardInterrupt):
            steps.drain()
    place, [each] = steps.context.place, run.jobs
    assert is_complete(read_job(place, each.job).output)
    assert active_jobs(steps) != {"monday": each.job}
    steps.queue.clear()
    reconciler = Reconciler(steps.context)  # of the control worker that is started next
    for _ in range(2):  # a step counts as lost once it is missing at two ticks
        reconciler.tick()
    steps.drain()
    assert active_jobs(steps) == {"monday": each.job}
    assert read_run_end(place, "acme", "night").status == "done"


def test_a_run_whose_starting_process_died_is_continued(steps, monkeypatch):
    label_upload(steps, "monday", ["a", "b"]), label_upload(steps, "tuesday", ["c"], day=2)
    publish_new_version(steps)

    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tasks.jobs.reprocess.continue_run", kill)
        with pytest.raises(KeyboardInterrupt):
            start_run(steps.context, "acme", name="night", now=TODAY)
    [run] = open_runs(steps.context.place, "acme")
    Reconciler(steps.context).tick()
    steps.drain()
    assert active_jobs(steps) == {each.dataset: each.job for each in run.jobs}


def test_a_run_with_a_stopped_job_fails_and_the_old_labels_stay_active(steps):
    old = label_upload(steps, "monday", ["a", "b"])
    publish_new_version(steps)
    run = start_run(steps.context, "acme", name="night", now=datetime.now(UTC))
    stop_job(steps.context, read_job(steps.context.place, run.jobs[0].job), "cancelled")
    end = read_run_end(steps.context.place, "acme", "night")
    assert end.status == "failed"
    assert run.jobs[0].job in end.error
    assert active_jobs(steps) == {"monday": old.id}
    assert open_runs(steps.context.place, "acme") == []


def test_jobs_that_failed_before_a_run_are_started_again_by_it(steps):
    place = steps.context.place
    label_upload(steps, "monday", ["a"]), label_upload(steps, "tuesday", ["b"], day=2)
    publish_new_version(steps)
    failed = start_run(steps.context, "acme", name="yesterday", now=datetime.now(UTC))
    for each in failed.jobs:
        stop_job(steps.context, read_job(place, each.job), "failed", "no luck")
    assert read_run_end(place, "acme", "yesterday").status == "failed"
    steps.queue.clear()
    run = create_run_only(place, "acme", name="today", now=TODAY)
    end_run_if_complete(place, run, done_job=run.jobs[1].job)
    assert read_run_end(place, "acme", "today") is None
    continue_run(steps.context, run)
    steps.drain()
    assert read_run_end(place, "acme", "today").status == "done"
    assert active_jobs(steps) == {each.dataset: each.job for each in run.jobs}


def test_a_cancelled_job_of_a_run_stays_cancelled(steps):
    place = steps.context.place
    label_upload(steps, "monday", ["a"]), label_upload(steps, "tuesday", ["b"], day=2)
    publish_new_version(steps)
    run = start_run(steps.context, "acme", name="night", now=datetime.now(UTC))
    stop_job(steps.context, read_job(place, run.jobs[0].job), "cancelled")
    Reconciler(steps.context).tick()
    assert read_end(place, run.jobs[0].job).status == "cancelled"
    # workers skip its messages
    steps.queue[:] = [step for step in steps.queue if step.job != run.jobs[0].job]
    steps.drain()
    assert read_end(place, run.jobs[0].job).status == "cancelled"
    assert read_run_end(place, "acme", "night").status == "failed"


def test_a_damaged_record_of_a_run_does_not_stop_others(steps):
    place = steps.context.place
    place.create("runs/acme/_open/damaged", b"")
    place.create("runs/acme/damaged/run.json", b"{")
    Reconciler(steps.context).tick()
    job = label_upload(steps, "monday", ["a"])
    assert active_jobs(steps) == {"monday": job.id}


def test_a_run_with_an_unreadable_job_fails_when_the_others_have_ended(steps):
    place = steps.context.place
    label_upload(steps, "monday", ["a"]), label_upload(steps, "tuesday", ["b"], day=2)
    publish_new_version(steps)
    run = create_run_only(place, "acme", name="night", now=datetime.now(UTC))
    place.create(f"jobs/{run.jobs[0].job}/job.json", b"{")
    continue_run(steps.context, run)
    steps.drain()
    end = read_run_end(place, "acme", "night")
    assert end.status == "failed"
    assert "unreadable" in end.error


def test_an_open_run_is_superseded_once_a_later_one_is_active(steps):
    place = steps.context.place
    label_upload(steps, "monday", ["a"])
    publish_new_version(steps)
    # as by a command that was killed
    abandoned = create_run_only(place, "acme", name="killed", now=datetime.now(UTC))
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    publish_new_version(steps, "minilm")
    reprocess(steps)
    steps.used.clear()
    Reconciler(steps.context).tick()
    steps.drain()
    assert steps.used == []
    assert read_run_end(place, "acme", "killed").status == "superseded"
    assert not place.exists(f"jobs/{abandoned.jobs[0].job}/job.json")

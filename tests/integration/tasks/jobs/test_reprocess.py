"""Stored feedback follows the champions: only what is missing is scored, and the labels move in one
step.
"""

from datetime import UTC, datetime, timedelta

import pytest

from ensemble.spec import EnsembleRegistry
from models.publishing.registry import ModelRegistry
from storage.records.jobs import read_end, read_job
from storage.records.labelled_output import is_complete, read_manifest
from storage.records.runs import create_run, open_runs, read_run_end
from storage.versions.active_labels import read_active_labels
from tasks.jobs import prune as pruning
from tasks.jobs.activate_labels import end_run_if_complete
from tasks.jobs.prune import find_unreferenced, prune
from tasks.jobs.reprocess import build_run, continue_run, start_run
from tasks.jobs.submit import build_job, create_job, resolve_versions, start_job, stop_job
from tasks.steps import finish as finishing
from tests.support.models.placeholder_models import (
    PUBLISHED,
    StepsWithRegistry,
    publish_ensemble,
    publish_model,
)
from tests.support.runs.steps import files_of, store_dataset
from workers.control.reconciler import Reconciler

TODAY = datetime.now(UTC) + timedelta(days=1)  # uploads are asked for now
MODELS = ("bow", "minilm")


@pytest.fixture
def steps(place, redis):
    for model in MODELS:
        publish_model(place, model)
    publish_ensemble(place, dict.fromkeys(MODELS, 1))
    return StepsWithRegistry(place, redis)


def upload(steps, name, texts, day=1):
    """An upload, labelled; its job."""
    place = steps.context.place
    dataset = store_dataset(place, texts, name=name, taken_in=datetime(2026, 1, day, tzinfo=UTC))
    job = create_job(
        place,
        build_job(
            place,
            dataset,
            resolve_versions(place, "acme"),
            out=None,
            keep_text=False,
            keep_columns=True,
        ),
    )
    start_job(steps.context, job)
    steps.drain()
    return job


def new_version(steps, model="bow"):
    """Published and promoted."""
    place = steps.context.place
    ModelRegistry(place).store.promote(model, publish_model(place, model), PUBLISHED)


def night(steps, name="night", now=TODAY, **options):
    """A run to its end."""
    run = start_run(steps.context, "acme", name=name, now=now, **options)
    steps.drain()
    return run


def written(place, customer, **asked):
    """A run that is written down, and of which no job has been set going."""
    return create_run(place, build_run(place, customer, **asked))


def counting(steps):
    """Dataset → job whose labels count."""
    return {
        dataset: label.job
        for dataset, label in read_active_labels(steps.context.place, "acme").datasets.items()
    }


def test_an_upload_that_is_labelled_counts(steps):
    first, second = upload(steps, "monday", ["a", "b", "c"]), upload(steps, "tuesday", ["d"])
    assert counting(steps) == {"monday": first.id, "tuesday": second.id}


def test_a_new_version_of_one_model_is_the_only_one_that_scores(steps):
    upload(steps, "monday", ["a", "b", "c"]), upload(steps, "tuesday", ["dd"])
    new_version(steps)
    steps.used.clear()
    run = night(steps)
    assert set(steps.used) == {("bow", 2)}
    assert len(steps.used) == 3, "two chunks of monday and one of tuesday"
    assert counting(steps) == {each.dataset: each.job for each in run.jobs}
    assert [model.version for model in read_job(steps.context.place, run.jobs[0].job).models] == [
        2,
        1,
    ]


def test_new_weights_alone_use_no_model_and_change_the_labels(steps):
    before = upload(steps, "monday", ["a", "b", "c"])
    place = steps.context.place
    EnsembleRegistry(place).store.promote(
        "default", publish_ensemble(place, {"bow": 9, "minilm": 1}), PUBLISHED
    )
    steps.used.clear()
    run = night(steps)
    assert steps.used == []
    after = read_job(place, run.jobs[0].job)
    assert files_of(after)["part-00000.parquet"] != files_of(before)["part-00000.parquet"]
    assert (after.keep_text, after.keep_columns) == (False, True), "as they were"


def test_nothing_new_is_nothing_to_do(steps):
    job = upload(steps, "monday", ["a", "b"])
    steps.used.clear()
    run = night(steps)
    assert [each.job for each in run.jobs] == [job.id]
    assert steps.used == []
    assert read_run_end(steps.context.place, "acme", "night").status == "done"


def test_old_labels_count_and_can_be_read_until_the_last_new_one_is_there(steps):
    old = [upload(steps, "monday", ["a", "b"]), upload(steps, "tuesday", ["c", "d"], day=2)]
    new_version(steps)
    run = start_run(steps.context, "acme", name="night", now=TODAY)
    while (place := steps.context.place) and read_run_end(place, "acme", "night") is None:
        assert counting(steps) == {"monday": old[0].id, "tuesday": old[1].id}
        assert all(is_complete(job.output) for job in old)
        steps.run(steps.queue.pop(0))
    assert counting(steps) == {each.dataset: each.job for each in run.jobs}


def test_a_run_of_a_time_span_leaves_the_others_as_they_are(steps):
    old = [
        upload(steps, name, ["a", name], day=day)
        for day, name in enumerate(("mon", "tue", "wed"), start=1)
    ]
    new_version(steps)
    run = night(
        steps, since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 3, tzinfo=UTC)
    )
    assert [each.dataset for each in run.jobs] == ["tue"]
    assert counting(steps) == {"mon": old[0].id, "tue": run.jobs[0].job, "wed": old[2].id}
    assert start_run(steps.context, "acme", name="none", since=TODAY, now=TODAY) is None


def test_a_crash_between_the_labels_and_the_pointer_is_made_good(steps, monkeypatch):
    upload(steps, "monday", ["a", "b"])
    new_version(steps)

    def killed(*_):
        raise KeyboardInterrupt

    run = start_run(steps.context, "acme", name="night", now=TODAY)
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "activate_labels", killed)
        with pytest.raises(KeyboardInterrupt):
            steps.drain()
    place, [each] = steps.context.place, run.jobs
    assert is_complete(read_job(place, each.job).output)
    assert counting(steps) != {"monday": each.job}
    steps.queue.clear()
    reconciler = Reconciler(steps.context)  # of the control worker that is started next
    for _ in range(2):  # only what is missing twice is lost
        reconciler.tick()
    steps.drain()
    assert counting(steps) == {"monday": each.job}
    assert read_run_end(place, "acme", "night").status == "done"


def test_a_run_whose_beginner_died_is_carried_on(steps, monkeypatch):
    upload(steps, "monday", ["a", "b"]), upload(steps, "tuesday", ["c"], day=2)
    new_version(steps)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tasks.jobs.reprocess.continue_run", killed)
        with pytest.raises(KeyboardInterrupt):
            start_run(steps.context, "acme", name="night", now=TODAY)
    [run] = open_runs(steps.context.place, "acme")
    Reconciler(steps.context).tick()
    steps.drain()
    assert counting(steps) == {each.dataset: each.job for each in run.jobs}


def test_a_run_with_a_job_that_is_stopped_ends_and_the_old_labels_still_count(steps):
    old = upload(steps, "monday", ["a", "b"])
    new_version(steps)
    run = start_run(steps.context, "acme", name="night", now=datetime.now(UTC))
    stop_job(steps.context, read_job(steps.context.place, run.jobs[0].job), "cancelled")
    end = read_run_end(steps.context.place, "acme", "night")
    assert end.status == "failed"
    assert run.jobs[0].job in end.error
    assert counting(steps) == {"monday": old.id}
    assert open_runs(steps.context.place, "acme") == []


def test_promoting_during_a_job_changes_nothing_in_it_and_the_next_one_gets_the_new_version(steps):
    place = steps.context.place
    dataset = store_dataset(place, ["a", "b", "c", "d"], name="monday")
    job = create_job(
        place,
        build_job(
            place,
            dataset,
            resolve_versions(place, "acme"),
            out=None,
            keep_text=True,
            keep_columns=False,
        ),
    )
    start_job(steps.context, job)
    steps.run(steps.queue.pop(0))
    new_version(steps)
    steps.drain()
    assert {model.version for model in read_manifest(job.output).models} == {1}
    after = upload(steps, "tuesday", ["e"])
    assert [(model.name, model.version) for model in after.models] == [("bow", 2), ("minilm", 1)]


def test_after_a_rollback_the_labels_from_before_count_again_and_nothing_is_scored(steps):
    old = upload(steps, "monday", ["a", "b"])
    new_version(steps)
    night(steps)
    ModelRegistry(steps.context.place).store.promote("bow", 1, PUBLISHED)
    steps.used.clear()
    night(steps, "again", TODAY + timedelta(days=1))
    assert counting(steps) == {"monday": old.id}
    assert steps.used == []


def test_of_two_jobs_over_one_dataset_the_one_asked_for_last_counts_whichever_ends_first(steps):
    place = steps.context.place
    dataset = store_dataset(place, ["a", "b"], name="monday")
    lines = []
    for _ in range(2):
        lines.append(resolve_versions(place, "acme"))
        new_version(steps)
    jobs = [
        create_job(
            place, build_job(place, dataset, line, out=None, keep_text=True, keep_columns=False)
        )
        for line in lines
    ]
    for job in jobs:
        start_job(steps.context, job)
    while steps.queue:  # the later job first
        at = next((at for at, one in enumerate(steps.queue) if one.job == jobs[1].id), 0)
        steps.run(steps.queue.pop(at))
    assert all(read_end(place, job.id).status == "done" for job in jobs)
    assert counting(steps) == {"monday": jobs[1].id}


def test_prune_removes_old_labels_and_scores_that_nothing_names(steps):
    place = steps.context.place
    old = upload(steps, "monday", ["a", "b"])
    for number in range(3):
        new_version(steps)
        night(steps, f"night{number}", TODAY + timedelta(days=number))
    found = find_unreferenced(place, keep=1)
    assert [job.id for job in found.labels] == [night_job(steps, "night0"), old.id]
    assert found.scores == (("bow", 1), ("bow", 2))
    assert is_complete(old.output), "nothing is removed by looking"
    prune(place, found)
    assert old.output.names("") == []
    assert place.names("scores/bow") == ["3", "4"]
    assert is_complete(read_job(place, night_job(steps, "night1")).output)
    assert find_unreferenced(place, keep=1).labels == ()


def night_job(steps, name):
    """The one job of a run."""
    from storage.records.runs import read_run

    return read_run(steps.context.place, "acme", name).jobs[0].job


def test_what_was_pruned_comes_back_byte_for_byte_when_it_is_asked_for(steps):
    place = steps.context.place
    old = upload(steps, "monday", ["a", "b"])
    before = files_of(old)
    new_version(steps)
    night(steps)
    prune(place, find_unreferenced(place, keep=0))
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    night(steps, "again", TODAY + timedelta(days=1))
    assert counting(steps) == {"monday": old.id}
    assert files_of(old) == before


def test_prune_leaves_all_that_a_running_job_needs(steps):
    place = steps.context.place
    first = upload(steps, "monday", ["a", "b", "c"])
    new_version(steps)
    night(steps)
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    dataset = store_dataset(place, ["d", "e", "f", "g"], name="tuesday")
    job = create_job(
        place,
        build_job(
            place,
            dataset,
            resolve_versions(place, "acme"),
            out=None,
            keep_text=True,
            keep_columns=False,
        ),
    )
    start_job(steps.context, job)
    for _ in range(3):
        steps.run(steps.queue.pop(0))
    begun = start_run(
        steps.context, "acme", name="back", until=datetime(2026, 1, 2, tzinfo=UTC), now=TODAY
    )
    # nobody but the job names version 1 now
    ModelRegistry(place).store.promote("bow", 2, PUBLISHED)
    found = find_unreferenced(place, keep=0)
    assert first.id in [each.job for each in begun.jobs]
    prune(place, found)
    assert ("bow", 1) not in found.scores
    steps.drain()
    assert is_complete(job.output)
    assert read_end(place, job.id).status == "done"


def test_prune_does_not_touch_what_came_to_count_after_the_look(steps):
    place = steps.context.place
    old = upload(steps, "monday", ["a", "b"])
    new_version(steps)
    night(steps)
    found = find_unreferenced(place, keep=0)
    assert [job.id for job in found.labels] == [old.id]
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    night(steps, "back", TODAY + timedelta(days=1))
    prune(place, found)
    assert is_complete(old.output)
    assert counting(steps) == {"monday": old.id}


@pytest.mark.parametrize("when", ["before", "after"])
def test_labels_that_come_to_count_while_prune_is_at_them_are_there_in_the_end(
    steps, monkeypatch, when
):
    place = steps.context.place
    old = upload(steps, "monday", ["a", "b"])
    bytes_before = files_of(old)
    new_version(steps)
    night(steps)
    found = find_unreferenced(place, keep=0)
    written = pruning.write_end

    def interrupted(place, job, end):
        monkeypatch.setattr(pruning, "write_end", written)
        if when == "after":
            written(place, job, end)
        ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
        night(steps, "back", TODAY + timedelta(days=1))
        if when == "before":
            written(place, job, end)

    monkeypatch.setattr(pruning, "write_end", interrupted)
    assert prune(place, found).labels == ()
    steps.drain()
    assert counting(steps) == {"monday": old.id}
    assert read_end(place, old.id).status == "done"
    assert files_of(old) == bytes_before


def test_what_failed_before_a_run_began_is_taken_up_and_does_not_end_it(steps):
    place = steps.context.place
    upload(steps, "monday", ["a"]), upload(steps, "tuesday", ["b"], day=2)
    new_version(steps)
    failed = start_run(steps.context, "acme", name="yesterday", now=datetime.now(UTC))
    for each in failed.jobs:
        stop_job(steps.context, read_job(place, each.job), "failed", "no luck")
    assert read_run_end(place, "acme", "yesterday").status == "failed"
    steps.queue.clear()
    run = written(place, "acme", name="today", now=TODAY)
    end_run_if_complete(place, run, done=run.jobs[1].job)
    assert read_run_end(place, "acme", "today") is None
    continue_run(steps.context, run)
    steps.drain()
    assert read_run_end(place, "acme", "today").status == "done"
    assert counting(steps) == {each.dataset: each.job for each in run.jobs}


def test_an_upload_under_way_when_a_run_begins_counts_as_soon_as_it_is_labelled(steps):
    place = steps.context.place
    upload(steps, "monday", ["a", "b"])
    dataset = store_dataset(place, ["c", "d", "e"], name="tuesday")
    job = create_job(
        place,
        build_job(
            place,
            dataset,
            resolve_versions(place, "acme"),
            out=None,
            keep_text=True,
            keep_columns=False,
        ),
    )
    start_job(steps.context, job)
    start_run(steps.context, "acme", name="night", now=datetime.now(UTC))
    steps.drain()
    assert counting(steps)["tuesday"] == job.id


def test_a_job_of_a_run_that_was_cancelled_stays_so_whoever_starts_meanwhile(steps):
    place = steps.context.place
    upload(steps, "monday", ["a"]), upload(steps, "tuesday", ["b"], day=2)
    new_version(steps)
    run = start_run(steps.context, "acme", name="night", now=datetime.now(UTC))
    stop_job(steps.context, read_job(place, run.jobs[0].job), "cancelled")
    Reconciler(steps.context).tick()
    assert read_end(place, run.jobs[0].job).status == "cancelled"
    # workers leave it alone
    steps.queue[:] = [step for step in steps.queue if step.job != run.jobs[0].job]
    steps.drain()
    assert read_end(place, run.jobs[0].job).status == "cancelled"
    assert read_run_end(place, "acme", "night").status == "failed"


def test_a_damaged_record_of_a_run_holds_up_nobody(steps):
    place = steps.context.place
    place.create("runs/acme/_open/damaged", b"")
    place.create("runs/acme/damaged/run.json", b"{")
    Reconciler(steps.context).tick()
    job = upload(steps, "monday", ["a"])
    assert counting(steps) == {"monday": job.id}


def test_a_run_whose_job_cannot_be_read_ends_when_the_others_have(steps):
    place = steps.context.place
    upload(steps, "monday", ["a"]), upload(steps, "tuesday", ["b"], day=2)
    new_version(steps)
    run = written(place, "acme", name="night", now=datetime.now(UTC))
    place.create(f"jobs/{run.jobs[0].job}/job.json", b"{")
    continue_run(steps.context, run)
    steps.drain()
    end = read_run_end(place, "acme", "night")
    assert end.status == "failed"
    assert "unreadable" in end.error


def test_a_run_that_was_left_open_does_no_more_once_a_later_one_counts(steps):
    place = steps.context.place
    upload(steps, "monday", ["a"])
    new_version(steps)
    # by a command that was killed
    left = written(place, "acme", name="killed", now=datetime.now(UTC))
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    new_version(steps, "minilm")
    night(steps)
    steps.used.clear()
    Reconciler(steps.context).tick()
    steps.drain()
    assert steps.used == []
    assert read_run_end(place, "acme", "killed").status == "superseded"
    assert not place.exists(f"jobs/{left.jobs[0].job}/job.json")


def test_the_end_of_a_run_without_its_record_is_pruned_and_stops_nothing(steps):
    place = steps.context.place
    upload(steps, "monday", ["a"])
    place.create("runs/acme/torn/ended.json", b'{"status": "failed", "at": "2026-01-01T00:00:00Z"}')
    found = find_unreferenced(place)
    assert found.runs == (("acme", "torn"),)
    prune(place, found)
    assert place.names("runs/acme") == []

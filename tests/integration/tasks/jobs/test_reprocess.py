"""Reprocessing: only missing cells are scored, and all labels of a run become active together."""

from datetime import UTC, datetime, timedelta

import pytest

from ensemble.spec import EnsembleRegistry
from models.publishing.registry import ModelRegistry
from storage.records.jobs import read_end, read_job
from storage.records.labelled_output import is_complete, read_manifest
from storage.records.runs import read_run_end
from tasks.jobs.reprocess import start_run
from tasks.jobs.submit import build_job, create_job, resolve_versions, start_job
from tests.support.models.placeholder_models import (
    PUBLISHED,
    publish_ensemble,
)
from tests.support.runs.reprocessing import (
    TODAY,
    active_jobs,
    label_upload,
    publish_new_version,
    reprocess,
    start_upload_job,
    steps_with_models,
)
from tests.support.runs.steps import files_of, store_dataset


@pytest.fixture
def steps(place, redis):
    return steps_with_models(place, redis)


def test_the_labels_of_an_upload_become_active(steps):
    first, second = (
        label_upload(steps, "monday", ["a", "b", "c"]),
        label_upload(steps, "tuesday", ["d"]),
    )
    assert active_jobs(steps) == {"monday": first.id, "tuesday": second.id}


def test_only_the_new_version_of_a_model_scores(steps):
    label_upload(steps, "monday", ["a", "b", "c"]), label_upload(steps, "tuesday", ["dd"])
    publish_new_version(steps)
    steps.used.clear()
    run = reprocess(steps)
    assert set(steps.used) == {("bow", 2)}
    assert len(steps.used) == 3, "two chunks of monday and one of tuesday"
    assert active_jobs(steps) == {each.dataset: each.job for each in run.jobs}
    assert [model.version for model in read_job(steps.context.place, run.jobs[0].job).models] == [
        2,
        1,
    ]


def test_new_weights_alone_use_no_model_and_change_the_labels(steps):
    before = label_upload(steps, "monday", ["a", "b", "c"])
    place = steps.context.place
    EnsembleRegistry(place).store.promote(
        "default", publish_ensemble(place, {"bow": 9, "minilm": 1}), PUBLISHED
    )
    steps.used.clear()
    run = reprocess(steps)
    assert steps.used == []
    after = read_job(place, run.jobs[0].job)
    assert files_of(after)["part-00000.parquet"] != files_of(before)["part-00000.parquet"]
    assert (after.keep_text, after.keep_columns) == (False, True), "as they were"


def test_a_run_without_changes_scores_nothing_and_is_done(steps):
    job = label_upload(steps, "monday", ["a", "b"])
    steps.used.clear()
    run = reprocess(steps)
    assert [each.job for each in run.jobs] == [job.id]
    assert steps.used == []
    assert read_run_end(steps.context.place, "acme", "night").status == "done"


def test_old_labels_are_active_and_readable_until_the_whole_run_is_done(steps):
    old = [
        label_upload(steps, "monday", ["a", "b"]),
        label_upload(steps, "tuesday", ["c", "d"], day=2),
    ]
    publish_new_version(steps)
    run = start_run(steps.context, "acme", name="night", now=TODAY)
    while (place := steps.context.place) and read_run_end(place, "acme", "night") is None:
        assert active_jobs(steps) == {"monday": old[0].id, "tuesday": old[1].id}
        assert all(is_complete(job.output) for job in old)
        steps.run(steps.queue.pop(0))
    assert active_jobs(steps) == {each.dataset: each.job for each in run.jobs}


def test_a_run_of_a_time_span_changes_only_datasets_in_it(steps):
    old = [
        label_upload(steps, name, ["a", name], day=day)
        for day, name in enumerate(("mon", "tue", "wed"), start=1)
    ]
    publish_new_version(steps)
    run = reprocess(
        steps, since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 3, tzinfo=UTC)
    )
    assert [each.dataset for each in run.jobs] == ["tue"]
    assert active_jobs(steps) == {"mon": old[0].id, "tue": run.jobs[0].job, "wed": old[2].id}
    assert start_run(steps.context, "acme", name="none", since=TODAY, now=TODAY) is None


def test_promoting_during_a_job_affects_only_later_jobs(steps):
    place = steps.context.place
    dataset = store_dataset(place, ["a", "b", "c", "d"], name="monday")
    job = start_upload_job(steps, dataset)
    steps.run(steps.queue.pop(0))
    publish_new_version(steps)
    steps.drain()
    assert {model.version for model in read_manifest(job.output).models} == {1}
    after = label_upload(steps, "tuesday", ["e"])
    assert [(model.name, model.version) for model in after.models] == [("bow", 2), ("minilm", 1)]


def test_after_a_rollback_the_earlier_labels_become_active_without_scoring(steps):
    old = label_upload(steps, "monday", ["a", "b"])
    publish_new_version(steps)
    reprocess(steps)
    ModelRegistry(steps.context.place).store.promote("bow", 1, PUBLISHED)
    steps.used.clear()
    reprocess(steps, "again", TODAY + timedelta(days=1))
    assert active_jobs(steps) == {"monday": old.id}
    assert steps.used == []


def test_of_two_jobs_over_one_dataset_the_one_requested_last_becomes_active(steps):
    place = steps.context.place
    dataset = store_dataset(place, ["a", "b"], name="monday")
    versions = []
    for _ in range(2):
        versions.append(resolve_versions(place, "acme"))
        publish_new_version(steps)
    jobs = [
        create_job(
            place, build_job(place, dataset, resolved, out=None, keep_text=True, keep_columns=False)
        )
        for resolved in versions
    ]
    for job in jobs:
        start_job(steps.context, job)
    while steps.queue:  # the later job first
        at = next((at for at, one in enumerate(steps.queue) if one.job == jobs[1].id), 0)
        steps.run(steps.queue.pop(at))
    assert all(read_end(place, job.id).status == "done" for job in jobs)
    assert active_jobs(steps) == {"monday": jobs[1].id}


def test_an_upload_that_runs_when_a_run_starts_becomes_active_when_it_is_labelled(steps):
    place = steps.context.place
    label_upload(steps, "monday", ["a", "b"])
    dataset = store_dataset(place, ["c", "d", "e"], name="tuesday")
    job = start_upload_job(steps, dataset)
    start_run(steps.context, "acme", name="night", now=datetime.now(UTC))
    steps.drain()
    assert active_jobs(steps)["tuesday"] == job.id

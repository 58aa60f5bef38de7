"""Pruning removes what nothing refers to, and keeps what gets a reference meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from models.publishing.registry import ModelRegistry
from storage.records.jobs import read_end, read_job
from storage.records.labelled_output import is_complete
from tasks.jobs import prune as pruning
from tasks.jobs.prune import find_unreferenced, prune
from tasks.jobs.reprocess import start_run
from tasks.jobs.submit import build_job, create_job, resolve_versions, start_job
from tests.support.models.placeholder_models import (
    PUBLISHED,
)
from tests.support.runs.reprocessing import (
    TODAY,
    active_jobs,
    job_of_run,
    label_upload,
    publish_new_version,
    reprocess,
    steps_with_models,
)
from tests.support.runs.steps import files_of, store_dataset


@pytest.fixture
def steps(place, redis):
    return steps_with_models(place, redis)


def test_prune_removes_old_labels_and_scores_that_nothing_refers_to(steps):
    place = steps.context.place
    old = label_upload(steps, "monday", ["a", "b"])
    for number in range(3):
        publish_new_version(steps)
        reprocess(steps, f"night{number}", TODAY + timedelta(days=number))
    unreferenced = find_unreferenced(place, keep=1)
    assert [job.id for job in unreferenced.labels] == [job_of_run(steps, "night0"), old.id]
    assert unreferenced.scores == (("bow", 1), ("bow", 2))
    assert is_complete(old.output), "finding removes nothing"
    prune(place, unreferenced)
    assert old.output.names("") == []
    assert place.names("scores/bow") == ["3", "4"]
    assert is_complete(read_job(place, job_of_run(steps, "night1")).output)
    assert find_unreferenced(place, keep=1).labels == ()


def test_pruned_labels_can_be_made_again_byte_for_byte(steps):
    place = steps.context.place
    old = label_upload(steps, "monday", ["a", "b"])
    before = files_of(old)
    publish_new_version(steps)
    reprocess(steps)
    prune(place, find_unreferenced(place, keep=0))
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    reprocess(steps, "again", TODAY + timedelta(days=1))
    assert active_jobs(steps) == {"monday": old.id}
    assert files_of(old) == before


def test_prune_keeps_all_that_a_running_job_needs(steps):
    place = steps.context.place
    first = label_upload(steps, "monday", ["a", "b", "c"])
    publish_new_version(steps)
    reprocess(steps)
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
    run = start_run(
        steps.context, "acme", name="back", until=datetime(2026, 1, 2, tzinfo=UTC), now=TODAY
    )
    # only the job refers to version 1 now
    ModelRegistry(place).store.promote("bow", 2, PUBLISHED)
    unreferenced = find_unreferenced(place, keep=0)
    assert first.id in [each.job for each in run.jobs]
    prune(place, unreferenced)
    assert ("bow", 1) not in unreferenced.scores
    steps.drain()
    assert is_complete(job.output)
    assert read_end(place, job.id).status == "done"


def test_prune_keeps_labels_that_became_active_after_the_search(steps):
    place = steps.context.place
    old = label_upload(steps, "monday", ["a", "b"])
    publish_new_version(steps)
    reprocess(steps)
    unreferenced = find_unreferenced(place, keep=0)
    assert [job.id for job in unreferenced.labels] == [old.id]
    ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
    reprocess(steps, "back", TODAY + timedelta(days=1))
    prune(place, unreferenced)
    assert is_complete(old.output)
    assert active_jobs(steps) == {"monday": old.id}


@pytest.mark.parametrize("when", ["before", "after"])
def test_labels_that_become_active_while_they_are_pruned_exist_in_the_end(steps, monkeypatch, when):
    place = steps.context.place
    old = label_upload(steps, "monday", ["a", "b"])
    files_before = files_of(old)
    publish_new_version(steps)
    reprocess(steps)
    unreferenced = find_unreferenced(place, keep=0)
    write_end = pruning.write_end

    def activate_meanwhile(place, job, end):
        monkeypatch.setattr(pruning, "write_end", write_end)
        if when == "after":
            write_end(place, job, end)
        ModelRegistry(place).store.promote("bow", 1, PUBLISHED)
        reprocess(steps, "back", TODAY + timedelta(days=1))
        if when == "before":
            write_end(place, job, end)

    monkeypatch.setattr(pruning, "write_end", activate_meanwhile)
    assert prune(place, unreferenced).labels == ()
    steps.drain()
    assert active_jobs(steps) == {"monday": old.id}
    assert read_end(place, old.id).status == "done"
    assert files_of(old) == files_before


def test_an_end_record_without_its_run_is_pruned(steps):
    place = steps.context.place
    label_upload(steps, "monday", ["a"])
    place.create("runs/acme/torn/ended.json", b'{"status": "failed", "at": "2026-01-01T00:00:00Z"}')
    unreferenced = find_unreferenced(place)
    assert unreferenced.runs == (("acme", "torn"),)
    prune(place, unreferenced)
    assert place.names("runs/acme") == []

"""Comparison of two jobs' rows: which rows are joined, and which are left out."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from chorus.common.settings import from_environment
from chorus.compare.diff import DiffRequest, diff
from chorus.compare.job_output import NotComplete
from chorus.compare.job_rows import NoCommonDataset, NoCommonLabels, NoCommonTarget, diff_jobs
from chorus.compare.output import describe_left_out
from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from storage.records import scores
from storage.records.labelled_output import EnsembleVersion
from storage.records.runs import Run, RunJob, create_run
from storage.records.scores import Scores
from tests.support.runs.steps import MOOD, Steps, store_dataset, store_job

TEXTS = ["x" * length for length in range(1, 8)]
NAMES = ("before", "after")


@pytest.fixture
def steps(place, redis):
    return Steps(place, redis)


def store_scores(place, model, dataset, chunk, values, rejected=None, labels=MOOD):
    """Store a model's scores of a chunk; `values` are the probabilities of the second label."""
    good = np.array(values, dtype=np.float32)
    chunk_scores = Scores(
        model, 1, f"digest of {model}", labels, np.stack([1 - good, good], axis=1), rejected or {}
    )
    place.create(scores.path(model, 1, dataset.chunks[chunk].id), scores.encode(chunk_scores))


def complete_job(steps, dataset, name, model="bow", **changes):
    """Run a job of one model to its end and return it."""
    place = steps.context.place
    job = store_job(place, dataset, (model,), id=name, out=place.url_of(f"out/{name}"), **changes)
    steps.plan(job)
    steps.drain()
    return job


def test_rows_of_one_dataset_are_joined_although_each_job_rejected_others(steps, place):
    dataset = store_dataset(place, TEXTS[:4])
    store_scores(place, "bow", dataset, 0, [0.9, np.nan], {1: "too odd"})
    store_scores(place, "bow", dataset, 1, [0.2, 0.3])
    store_scores(place, "minilm", dataset, 0, [np.nan, 0.9], {0: "too odd"})
    store_scores(place, "minilm", dataset, 1, [0.2, 0.7])
    one, other = (
        complete_job(steps, dataset, "one"),
        complete_job(steps, dataset, "other", "minilm"),
    )
    difference = diff_jobs(place, NAMES, [one], [other])
    mood = difference.overall("mood")
    assert (mood.rows, mood.changed, difference.only_before, difference.only_after) == (2, 1, 1, 1)
    assert [(row.id, row.before, row.after, row.chunk) for row in mood.moved] == [
        ("r3", ("bad",), ("good",), 1)
    ]


def test_rows_of_two_datasets_are_joined_by_their_ids(steps, place):
    today = store_dataset(place, TEXTS[:5], name="today")
    yesterday = store_dataset(place, ["", *TEXTS[1:3]], name="yesterday", chunk_rows=1)
    one, other = complete_job(steps, today, "one"), complete_job(steps, yesterday, "other")
    difference = diff_jobs(place, NAMES, [one], [other])
    assert (difference.overall("mood").rows, difference.only_before, difference.only_after) == (
        3,
        2,
        0,
    )
    assert [row.id for row in difference.overall("mood").moved] == ["r0"]
    swapped = diff_jobs(place, NAMES, [other], [one])
    assert (swapped.overall("mood").rows, swapped.only_before, swapped.only_after) == (3, 0, 2)


def test_runs_are_compared_dataset_by_dataset(steps, place):
    first, second = (
        store_dataset(place, TEXTS[:2], name="first"),
        store_dataset(place, TEXTS[2:], name="second"),
    )
    before = [complete_job(steps, first, "one"), complete_job(steps, second, "two")]
    after = [complete_job(steps, second, "three", "minilm")]
    difference = diff_jobs(place, NAMES, before, after)
    assert (difference.overall("mood").rows, difference.only_before, difference.only_after) == (
        5,
        2,
        0,
    )
    assert {row.dataset for row in difference.moved} == {"second"}
    with pytest.raises(NoCommonDataset):
        diff_jobs(
            place,
            NAMES,
            before,
            [complete_job(steps, store_dataset(place, ["y"], name=name), name) for name in "ab"],
        )


def test_runs_and_jobs_are_found_by_their_names(steps, place, capsys):
    dataset = store_dataset(place, TEXTS)
    for model in ("bow", "minilm"):
        job = complete_job(steps, dataset, f"by-{model}", model)
        one = RunJob(dataset=dataset.id, job=job.id, keep_text=True, keep_columns=True)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        fields = {
            "customer": "acme",
            "name": model,
            "ensemble": job.ensemble,
            "models": job.models,
            "jobs": (one,),
        }
        create_run(place, Run(**fields, keep=1, started_at=at))
    answers = []
    for sides in (("acme/bow", "acme/minilm"), ("by-bow", "by-minilm")):
        diff(
            from_environment({"CHORUS_HOME": place.url}),
            DiffRequest(*sides, (), None, None, 20, True, None),
        )
        answers.append(json.loads(capsys.readouterr().out))
    assert [answer["after"] for answer in answers] == ["acme/minilm", "by-minilm"]
    assert answers[0]["targets"] == answers[1]["targets"]
    assert {moved["text"] for moved in answers[0]["targets"]["mood"]["moved"]} <= set(TEXTS)
    assert answers[0]["targets"]["mood"]["rows"] == len(TEXTS)


def test_jobs_that_cannot_be_compared_say_why(steps, place):
    dataset = store_dataset(place, TEXTS)
    done, unfinished = (
        complete_job(steps, dataset, "done"),
        store_job(place, dataset, ("bow",), id="unfinished"),
    )
    with pytest.raises(NotComplete, match="unfinished"):
        diff_jobs(place, NAMES, [done], [unfinished])
    tone = Ensemble(targets=(Target(name="tone", mode="one_of", members=(Member(model="bow"),)),))
    version = EnsembleRegistry(place).publish("tones", tone, datetime(2026, 1, 1, tzinfo=UTC))
    toned = complete_job(
        steps, dataset, "toned", ensemble=EnsembleVersion(name="tones", version=version)
    )
    with pytest.raises(
        NoCommonTarget, match=r"done answers mood \(one_of\); toned answers tone \(one_of\)"
    ):
        diff_jobs(place, NAMES, [done], [toned])


def jobs_with_labels(steps, mode, before, after):
    """Return two jobs on one dataset of a row, whose target has these labels."""
    place = steps.context.place
    dataset, both = store_dataset(place, TEXTS[:1]), []
    for model, labels in (("bow", before), ("minilm", after)):
        store_scores(place, model, dataset, 0, [0.9], labels=labels)
        target = Target(name="about", mode=mode, members=(Member(model=model),))
        version = EnsembleRegistry(place).publish(
            model, Ensemble(targets=(target,)), datetime(2026, 1, 1, tzinfo=UTC)
        )
        ensemble = EnsembleVersion(name=model, version=version)
        both.append(complete_job(steps, dataset, f"by-{model}", model, ensemble=ensemble))
    return both


@pytest.mark.parametrize("mode", ["one_of", "any_of"])
def test_jobs_whose_labels_have_no_common_meaning_are_refused_with_both_lists(steps, place, mode):
    one, other = jobs_with_labels(steps, mode, ("bad", "good"), ("cafe", "price"))
    with pytest.raises(NoCommonLabels, match=r"by-bow answers about .*: bad, good\); by-minilm"):
        diff_jobs(place, NAMES, [one], [other])


def test_labels_of_any_of_that_one_job_alone_has_are_left_out_and_named(steps, place):
    one, other = jobs_with_labels(steps, "any_of", ("delivery", "price"), ("cafe", "price"))
    difference = diff_jobs(place, NAMES, [one], [other])
    assert difference.overall("about").labels == ("price",)
    assert difference.overall("about").changed == 0
    assert describe_left_out(difference) == ["labels of about that one alone has: cafe, delivery"]


def test_labels_of_one_of_may_have_another_order(steps, place):
    one, other = jobs_with_labels(steps, "one_of", ("bad", "good"), ("good", "bad"))
    assert diff_jobs(place, NAMES, [one], [other]).overall("about").changed == 1

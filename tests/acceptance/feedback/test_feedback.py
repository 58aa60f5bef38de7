"""Stored feedback is listed, shown and removed, and whatever refers to it goes on working."""

import shutil

import pytest

from storage.places.place import LocalPlace
from storage.records.feedback import datasets
from storage.records.jobs import read_job, remove_end
from storage.records.runs import Run, RunJob, create_run
from tests.acceptance.conftest import write_upload
from tests.support.models.small_models import MOODS, PUBLISHED, _moods, publish_bow
from tests.support.runs.command import Command

TEXTS = [f"great delivery, number {number}" for number in range(60)]


@pytest.fixture(scope="module")
def chorus(registry, tmp_path_factory):
    home = shutil.copytree(registry, tmp_path_factory.mktemp("feedback") / "home")
    return Command(home, light=True, CHORUS_CHUNK_ROWS="50")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two uploads that share texts."""
    folder = tmp_path_factory.mktemp("uploads")
    first = [(f"a{number}", text) for number, text in enumerate(TEXTS)]
    second = [*((f"b{number}", text) for number, text in enumerate(TEXTS[:50])), ("b50", "")]
    return [
        write_upload(folder / f"{name}.csv", rows)
        for name, rows in (("first", first), ("second", second))
    ]


@pytest.fixture(scope="module")
def scored(chorus, files):
    """The result of each upload, in their order; the second reuses scores of the first."""
    results = [chorus("score", file, "--json").json for file in files]
    assert [result["rows_labelled"] for result in results] == [60, 50]
    return results


@pytest.fixture(scope="module")
def listed(chorus, scored):
    assert scored
    return chorus.here("feedback", "list", "--json").json["feedback"]


def removal(chorus, dataset, *options):
    return chorus.here("feedback", "remove", dataset, "--json", *options)


def test_datasets_are_listed_with_their_file_and_jobs(chorus, scored, listed):
    assert [
        (one["customer"], one["file"], one["rows"], one["rejected"], one["jobs"]) for one in listed
    ] == [
        ("default", "first.csv", 60, 0, [scored[0]["job"]]),
        ("default", "second.csv", 50, 1, [scored[1]["job"]]),
    ]
    told = chorus.here("feedback", "list", "--customer", "default").out
    assert "first.csv" in told
    assert chorus.here("feedback", "list", "--customer", "acme").out == "No feedback is stored.\n"


def test_a_dataset_is_shown_with_how_it_was_read_its_rejects_and_first_rows(chorus, scored, listed):
    shown = chorus.here("feedback", "show", listed[1]["dataset"][:8], "--json").json
    assert (shown["format"], shown["text_column"], shown["id_column"]) == ("csv", "comment", "id")
    assert shown["job_states"] == {scored[1]["job"]: "done"}
    assert [(one["reason"], one["row"]) for one in shown["rejects"]] == [("no text", 51)]
    assert shown["first_rows"][0] == {"row": 1, "id": "b0", "text": TEXTS[0]}
    assert (
        "no text: 1, the first in row 51"
        in chorus.here("feedback", "show", listed[1]["dataset"]).out
    )


def test_a_name_that_fits_no_dataset_or_several_is_refused(chorus, listed):
    assert listed
    none = chorus.here("feedback", "show", "ffffffffffffffff")
    assert (none.status, "feedback list" in none.err) == (2, True)
    assert chorus.here("feedback", "show", "").status == 2
    assert chorus.here("feedback", "remove", listed[0]["dataset"], "--customer", "acme").status == 2


def test_feedback_that_an_open_job_or_run_needs_is_not_removed(chorus, scored, listed):
    place, dataset = LocalPlace(chorus.home), listed[0]["dataset"]
    end = (chorus.home / "jobs" / scored[0]["job"] / "ended.json").read_bytes()
    remove_end(place, scored[0]["job"])
    refused = removal(chorus, dataset, "--yes")
    assert refused.status == 2
    assert f"job {scored[0]['job']}" in refused.json["error"]
    (chorus.home / "jobs" / scored[0]["job"] / "ended.json").write_bytes(end)
    job = read_job(place, scored[0]["job"])
    one = RunJob(dataset=dataset, job=job.id, keep_text=True, keep_columns=False)
    run = Run(
        customer="default",
        name="open-1",
        ensemble=job.ensemble,
        models=job.models,
        jobs=(one,),
        keep=1,
        started_at=PUBLISHED,
    )
    create_run(place, run)
    assert "run default/open-1" in removal(chorus, dataset, "--yes").json["error"]
    assert chorus.here("cancel", "default/open-1").status == 0
    assert chorus.here("feedback", "show", dataset).status == 0


def test_after_a_removal_all_that_referred_to_the_dataset_goes_on_working(
    chorus, files, scored, listed
):
    place = LocalPlace(chorus.home)
    first, second = (one["dataset"] for one in listed)
    [sources] = {chunk.donors[0].dataset for chunk in datasets(place, "default")[1].chunks}
    assert sources == first, "the second upload names chunks of the first"
    [before] = chorus("reprocess", "--customer", "default", "--json").json["runs"]
    assert before["datasets"] == 2
    shown = removal(chorus, first).json
    assert (shown["removed"], shown["labels"]) == (False, [scored[0]["output"]])
    assert removal(chorus, first, "--yes").json["removed"] is True

    assert not (chorus.home / "feedback/default" / first).exists()
    assert [first in path.name for path in (chorus.home / "sketches/default").iterdir()] == [False]
    labels = chorus.here("labels", "--json").json["labels"]
    assert [label["dataset"] for label in labels] == [second]
    status = chorus.here("status", "--json").json
    assert [job["job"] for job in status["jobs"]] == [scored[1]["job"]]
    gone = chorus.here("status", scored[0]["job"])
    assert (gone.status, "was removed" in gone.err) == (1, True)
    assert chorus.here("prune", "--json").status == 0
    assert chorus.here("diff", scored[1]["job"], scored[1]["job"], "--json").status == 0

    version = publish_bow(place, "mood-bow", "mood", "one_of", MOODS, *_moods(9)).version
    assert chorus.here("models", "promote", "mood-bow", str(version)).status == 0
    again = chorus("reprocess", "--customer", "default", "--json")
    assert again.status == 0, again.err
    [after] = again.json["runs"]
    assert (after["datasets"], after["rows"]) == (1, 50)
    runs = [f"default/{run['run']}" for run in (before, after)]
    compared = chorus.here("diff", *runs, "--json")
    assert compared.status == 0, compared.err

    returned = chorus("score", files[0], "--json")
    assert returned.status == 0, returned.err
    assert returned.json["rows_labelled"] == 60
    assert {one["dataset"] for one in chorus.here("labels", "--json").json["labels"]} == {
        first,
        second,
    }

"""`chorus plan` shows what `chorus score` then does, and starts nothing."""

import shutil

import pytest
from click.testing import CliRunner

from chorus.cli.upload_commands import plan
from tests.acceptance.conftest import write_upload
from tests.support.runs.command import Command

ROWS = [(f"r{number}", f"great delivery, number {number}") for number in range(300)]
MODELS = {"mood-bow", "mood-plain", "topics-bow"}


@pytest.fixture(scope="module")
def chorus(registry, tmp_path_factory):
    home = shutil.copytree(registry, tmp_path_factory.mktemp("plan") / "home")
    return Command(home, light=True, CHORUS_CHUNK_ROWS="100")


@pytest.fixture(scope="module")
def upload_file(tmp_path_factory):
    return write_upload(tmp_path_factory.mktemp("upload") / "upload.csv", ROWS)


def files(chorus):
    return {str(path.relative_to(chorus.home)) for path in chorus.home.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def planned(chorus, upload_file):
    """The plan, and the files that were written meanwhile."""
    before = files(chorus)
    answer = chorus.here("plan", upload_file, "--json")
    assert answer.status == 0, answer.err
    return answer.json, files(chorus) - before


@pytest.fixture(scope="module")
def scored(chorus, upload_file, planned):
    assert planned, "before it is scored"
    answer = chorus("score", upload_file, "--json")
    assert answer.status == 0, answer.err
    return answer.json


def test_only_the_feedback_and_its_sketch_are_written(planned):
    assert planned[1]
    assert all(
        name.startswith(("feedback/default/", "sketches/default/")) for name in planned[1]
    ), planned[1]


def test_the_plan_lists_the_models_that_wake_and_their_cells(planned):
    answer = planned[0]
    assert {model["model"] for model in answer["models"] if model["wakes"]} == MODELS
    assert {
        (model["cells_to_score"], model["cells_there"], model["rows"]) for model in answer["models"]
    } == {(3, 0, 300)}
    assert (answer["rows"], answer["parts"], answer["measured"]) == (300, 3, False)
    assert answer["seconds"] > 0
    assert answer["memory"] > 0


def test_score_does_what_was_planned(chorus, planned, scored):
    assert scored["job"] == planned[0]["job"]
    assert scored["cells_scored"] == sum(model["cells_to_score"] for model in planned[0]["models"])
    assert scored["models"] == {model["model"]: model["version"] for model in planned[0]["models"]}
    assert not (chorus.home / "run/logs/topics-acme.log").exists(), (
        "a model of one customer serves nobody else"
    )


def test_status_shows_the_expected_seconds_beside_the_elapsed_ones(chorus, scored):
    found = chorus.here("status", scored["job"], "--json").json
    assert found["expected_seconds"] > 0
    assert found["seconds"] > 0


def test_the_plan_of_a_done_job_has_no_work(chorus, scored):
    found = chorus.here("plan", scored["job"], "--json").json
    assert (found["job"], found["seconds"], found["memory"], found["parts"]) == (
        scored["job"],
        0,
        0,
        0,
    )
    assert not any(model["wakes"] or model["rows"] for model in found["models"])


@pytest.mark.usefixtures("scored")
def test_reprocessing_of_all_stored_feedback_is_planned(chorus):
    before = files(chorus)
    answer = chorus.here("plan", "--all")
    assert answer.status == 0, answer.err
    assert "Nothing is left to do." in answer.out, "the same versions have labelled it"
    assert files(chorus) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all", "--customer", "acme"],
        ["upload.csv", "--all"],
        ["upload.csv", "--customer", "a", "--customer", "b"],
    ],
)
def test_contradictory_arguments_are_refused(arguments):
    assert CliRunner().invoke(plan, arguments).exit_code == 2

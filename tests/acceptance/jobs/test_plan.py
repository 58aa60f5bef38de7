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


def test_nothing_is_written(planned):
    assert planned[1] == set()


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


@pytest.mark.usefixtures("scored")
def test_a_file_with_known_and_new_texts_takes_what_was_planned(chorus, tmp_path):
    rows = [*ROWS[150:], *((f"n{number}", f"a new text {number}") for number in range(50))]
    file = write_upload(tmp_path / "overlapping.csv", rows)
    planned = chorus.here("plan", file, "--json").json
    assert {model["rows"] for model in planned["models"]} == {50}
    scored = chorus("score", file, "--json").json
    assert scored["job"] == planned["job"]
    assert scored["cells_scored"] == sum(model["cells_to_score"] for model in planned["models"])


def test_rejects_are_planned_by_reason_with_the_first_of_each(chorus, tmp_path):
    rows = [
        ("1", "fine"),
        ("2", ""),
        ("3", "fine"),
        ("", "lost"),
        ("5", " "),
        ("6", "x"),
        ("7", "y"),
    ]
    file = write_upload(tmp_path / "rejects.csv", rows)
    planned = chorus.here("plan", file, "--json").json
    assert (planned["rows_in"], planned["rows"], planned["rows_rejected"]) == (7, 4, 3)
    assert planned["reasons"] == {"bad id": 1, "no text": 2}
    assert [(each["reason"], each["rows"], each["row"]) for each in planned["first_rejects"]] == [
        ("no text", 2, 2),
        ("bad id", 1, 4),
    ]
    told = chorus.here("plan", file).out
    assert "rejects.csv: 7 rows in, 4 to label, 3 rejected, 0 blank. Text: column 'comment'" in told
    assert "no text: 2, the first in row 2, the text is empty: '2,'" in told


def test_a_file_that_score_refuses_is_refused_by_plan_in_the_same_words(chorus, tmp_path):
    file = write_upload(tmp_path / "rounded.csv", [("5.7E+17", f"text {n}") for n in range(9)])
    planned, scored = chorus.here("plan", file), chorus.here("score", file)
    assert (planned.status, planned.err) == (scored.status, scored.err)
    assert planned.status == 2
    assert "--no-id" in planned.err


def test_a_name_that_no_file_can_have_is_refused(chorus):
    refused = chorus.here("plan", "x" * 300)
    assert (refused.status, "File name too long" in refused.err) == (2, True), refused.err


def test_a_wrong_file_that_was_only_planned_is_not_labelled_by_reprocess(chorus, tmp_path):
    file = write_upload(tmp_path / "wrong.csv", [("1", "negative"), ("2", "neutral")])
    assert chorus.here("plan", file, "--customer", "fresh").status == 0
    again = chorus.here("reprocess", "--customer", "fresh", "--json")
    assert again.status != 0
    assert "fresh" in again.json["error"]


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

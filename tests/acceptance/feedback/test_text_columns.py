"""A survey with several text columns, from the command line."""

import csv
import shutil

import pyarrow.parquet as pq
import pytest

from tests.support.runs.command import Command
from tests.support.runs.running_service import running_service

SURVEY = """Respondent ID,What do you like?,What do you not like?,Any comments
1,great service,awful price,fine
2,very good,,great
3,,terrible delivery,
"""
LIKES, DISLIKES = "What do you like?", "What do you not like?"
BOTH = ("--text", LIKES, "--text", DISLIKES)


@pytest.fixture(scope="module")
def chorus(registry, tmp_path_factory):
    home = shutil.copytree(registry, tmp_path_factory.mktemp("columns") / "home")
    return Command(home, light=True)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    file = tmp_path_factory.mktemp("upload") / "survey.csv"
    file.write_text(SURVEY)
    return file


def labelled(output):
    return {row["id"]: row["text"] for row in pq.read_table(output, partitioning=None).to_pylist()}


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    return tmp_path_factory.mktemp("labels") / "labels.csv"


@pytest.fixture(scope="module")
def scored(chorus, survey, labels):
    return chorus("score", survey, *BOTH, "--out", labels, "--json")


def test_each_text_column_is_labelled_by_a_job_of_its_own(chorus, survey, scored):
    assert scored.status == 0, scored.err
    likes, dislikes = scored.json["jobs"]
    assert (likes["text_column"], dislikes["text_column"]) == (LIKES, DISLIKES)
    assert (likes["rows_labelled"], likes["reasons"]) == (2, {"no text": 1})
    assert labelled(likes["output"]) == {"1": "great service", "2": "very good"}
    assert labelled(dislikes["output"]) == {"1": "awful price", "3": "terrible delivery"}
    planned = chorus.here("plan", survey, *BOTH, "--json").json["jobs"]
    assert [job["job"] for job in planned] == [likes["job"], dislikes["job"]]
    assert [(job["rows_in"], job["rows_rejected"]) for job in planned] == [(3, 1), (3, 1)]


def test_both_columns_are_labelled_into_one_file(chorus, survey, scored, labels):
    assert scored.json["file"] == str(labels)
    with labels.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Respondent ID"] for row in rows] == ["1", "2", "3"]
    assert rows[0][LIKES] == "great service"
    assert rows[0][f"{LIKES}_mood"]
    assert rows[0][f"{DISLIKES}_mood"]
    again = chorus("score", survey, *BOTH, "--out", labels)
    assert f"Text column {DISLIKES!r}:" in again.out


def test_joined_columns_are_one_text_and_stay_columns(chorus, survey):
    ended = chorus("score", survey, *BOTH, "--join-text", "--keep-columns", "--json")
    assert ended.status == 0, ended.err
    rows = pq.read_table(ended.json["output"], partitioning=None).to_pylist()
    assert [row["text"] for row in rows] == [
        "great service\n\nawful price",
        "very good",
        "terrible delivery",
    ]
    assert (rows[0][LIKES], rows[0][DISLIKES]) == ("great service", "awful price")


def test_a_service_takes_a_job_for_each_column_with_a_folder_below_out(chorus, survey, tmp_path):
    request = ("submit", survey, *BOTH, "--out", tmp_path / "out")
    with running_service(chorus):
        ended = chorus.here(*request, "--json")
        assert ended.status == 0, ended.err
        assert {job["text_column"]: job["output"] for job in ended.json["jobs"]} == {
            LIKES: str(tmp_path / "out/What_do_you_like"),
            DISLIKES: str(tmp_path / "out/What_do_you_not_like"),
        }
        listed = chorus.here(*request).out.split()
        assert listed == [job["job"] for job in ended.json["jobs"]]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--join-text", "--text", LIKES], "at least twice"),
        (["--text", LIKES, "--text", LIKES], "names a column twice"),
        (["--text", LIKES, "--id", LIKES], "both as text and as id"),
        (["--no-id", "--id", "Respondent ID"], "contradict"),
        (["--text", LIKES, "--text", "nope"], "no column 'nope'"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused_and_nothing_is_stored(
    chorus, survey, options, problem
):
    before = chorus.here("feedback", "list").out
    ended = chorus.here("score", survey, *options)
    assert (ended.status, problem in ended.err) == (2, True), ended.err
    assert chorus.here("feedback", "list").out == before

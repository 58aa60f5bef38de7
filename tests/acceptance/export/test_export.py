"""Labels as files: `chorus score --out FILE` and `chorus export`, as commands."""

import csv
import io
import json
import shutil

import openpyxl
import pandas as pd
import pytest

from storage.places.place import LocalPlace
from storage.records.exported_files import request_file
from storage.records.jobs import JobEnd, write_end
from tests.support.runs.command import Command

UPLOAD = (
    b"when;comment;nr\nMay;great delivery;7\nMay;;8\nJune;=awful price;9\n"
    b"June;too;many;fields\nJuly;terrible price;10\n"
)
COLUMNS = ["when", "comment", "nr"]
REASONS = ["", "no text", "", "wrong number of fields", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    (folder / "upload.csv").write_bytes(UPLOAD)
    return folder


@pytest.fixture(scope="module")
def chorus(registry, folder):
    return Command(shutil.copytree(registry, folder / "home"), light=True)


@pytest.fixture(scope="module")
def scored(chorus, folder):
    file = folder / "labels.csv"
    return chorus("score", folder / "upload.csv", "--id", "nr", "--out", file, "--json")


def rows_of(text):
    return [*csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))]


def test_score_writes_the_file_that_out_names(scored, folder):
    assert scored.status == 0, scored.err
    assert scored.json["file"] == str(folder / "labels.csv")
    assert "/labelled/customer=default/job=" in scored.json["output"]
    text = (folder / "labels.csv").read_bytes().decode()
    rows = rows_of(text)
    assert text.startswith("\ufeff")
    assert [*rows[0]][:3] == COLUMNS
    assert [row["reject_reason"] for row in rows] == REASONS
    assert [row["comment"] for row in rows] == [
        *("great delivery", "", "'=awful price", "", "terrible price"),
    ]
    assert [row["mood"] for row in rows] == ["positive", "", "negative", "", "negative"]
    assert float(rows[0]["mood_positive"]) == float(rows[0]["mood_score"])
    assert rows[3]["reject_record"] == "June;too;many;fields"


def test_the_job_has_its_file_in_status_and_its_rejects_in_the_report(scored, chorus, folder):
    status = chorus.here("status", scored.json["job"])
    assert str(folder / "labels.csv") in status.out.replace("\n", "")
    again = chorus("score", folder / "upload.csv", "--id", "nr", "--out", folder / "labels.csv")
    assert f"File: {folder / 'labels.csv'}" in again.out
    assert "reject_reason" in again.out


def test_a_job_is_exported_to_every_format(scored, chorus, folder):
    job = scored.json["job"]
    for format_ in ("xlsx", "jsonl", "parquet"):
        ended = chorus.here("export", job, "--out", folder / f"out.{format_}", "--json")
        assert ended.status == 0, ended.err
        assert (ended.json["rows"], ended.json["rows_rejected"]) == (5, 2)
    sheet = openpyxl.load_workbook(folder / "out.xlsx").active
    assert [cell.value for cell in sheet["B"]] == [
        *("comment", "great delivery", "", "=awful price", None, "terrible price"),
    ]
    lines = (folder / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["reject_reason"] or "" for line in lines] == REASONS
    frame = pd.read_parquet(folder / "out.parquet")
    frame.to_excel(folder / "again.xlsx")
    assert frame["nr"].fillna("").tolist() == ["7", "8", "9", "", "10"]


def test_standard_output_has_the_rows_and_nothing_else(scored, chorus):
    ended = chorus.here("export", scored.json["job"], "--out", "-", "--format", "csv")
    assert [row["nr"] for row in rows_of(ended.out)] == ["7", "8", "9", "", "10"]
    assert "standard output" in ended.err


def test_the_feedback_of_a_customer_is_exported_with_its_active_labels(scored, chorus):
    assert scored.status == 0
    ended = chorus.here("export", "--customer", "default", "--out", "-", "--format", "jsonl")
    rows = [*map(json.loads, ended.out.splitlines())]
    assert [(row["file"], row["row"], row["id"]) for row in rows] == [
        ("upload.csv", number, id_) for number, id_ in enumerate(["7", "8", "9", None, "10"], 1)
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("{job}", "--out", "labels"), "Files end in .csv, .xlsx, .jsonl, .parquet"),
        (("--out", "labels.csv"), "Name the jobs to export, or one --customer"),
        (("{job}", "--customer", "default", "--out", "labels.csv"), "and not both"),
        (("0123456789abcdef", "--out", "labels.csv"), "There is no job"),
        (("--customer", "nobody", "--out", "labels.csv"), "No feedback of nobody"),
        (("{job}", "--out", "{folder}/upload.csv"), "--force"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(scored, chorus, folder, arguments, expected):
    words = [word.format(job=scored.json["job"], folder=folder) for word in arguments]
    ended = chorus.here("export", *words)
    assert ended.status == 2
    assert expected in ended.err
    assert (folder / "upload.csv").read_bytes() == UPLOAD


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("labels.xls", "choose another name"),
        ("upload.csv", "--force"),
        ("absent/labels.csv", "does not exist"),
        ("/proc/labels.csv", "Cannot write /proc/labels.csv"),
    ],
)
def test_score_refuses_a_file_that_it_may_not_write_before_it_stores_anything(
    chorus, folder, name, expected
):
    before = {*(chorus.home / "feedback").rglob("*")}
    (folder / "other.csv").write_text("id,text\n1,new\n")
    ended = chorus.here("score", folder / "other.csv", "--out", folder / name)
    assert (ended.status, expected in ended.err) == (2, True), ended.err
    assert {*(chorus.home / "feedback").rglob("*")} == before


def test_a_file_that_cannot_be_written_keeps_no_later_request_from_its_file(scored, chorus, folder):
    job, place = scored.json["job"], LocalPlace(chorus.home)
    blocked = folder / "upload.csv" / "labels.csv"  # below a file
    request_file(place, [job], str(blocked))
    write_end(place, job, JobEnd(status="failed", error=f"Could not write {blocked}."))
    listed = chorus.here("status", "--state", "failed", "--json").json["jobs"]
    assert [(each["job"], each["status"]) for each in listed] == [(job, "failed")]
    file = folder / "later.csv"
    later = chorus("score", folder / "upload.csv", "--id", "nr", "--out", file, "--json")
    assert (later.status, later.json["job"]) == (0, job), later.err
    assert file.read_bytes() == (folder / "labels.csv").read_bytes()
    status = chorus.here("status", job, "--json").json
    assert (status["status"], str(blocked) in status["error"]) == ("done", True)
    assert "Traceback" not in chorus.here("logs", job).out + later.err


def test_a_folder_with_the_end_of_a_format_stays_a_folder(registry, tmp_path):
    chorus = Command(shutil.copytree(registry, tmp_path / "home"))
    (tmp_path / "upload.csv").write_bytes(UPLOAD)
    (tmp_path / "labels.csv").mkdir()
    ended = chorus.here("plan", tmp_path / "upload.csv", "--out", tmp_path / "labels.csv", "--json")
    assert ended.status == 0, ended.err


def test_a_file_goes_to_a_bucket_and_only_ours_is_written_over(scored, chorus, buckets):
    command = Command(chorus.home, **buckets.environment)
    url = f"{buckets.new_bucket()}/out/labels.csv"
    for _ in range(2):
        ended = command.here("export", scored.json["job"], "--out", url)
        assert ended.status == 0, ended.err
    shutil.rmtree(chorus.home / "exports")  # so that Chorus does not know it
    refused = command.here("export", "--customer", "default", "--out", url)
    assert (refused.status, "--force" in refused.err) == (2, True), refused.err
    forced = command.here("export", "--customer", "default", "--out", url, "--force")
    assert forced.status == 0, forced.err

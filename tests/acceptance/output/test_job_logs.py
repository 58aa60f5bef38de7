"""`chorus logs JOB`, of a job that `chorus score` ran without a service, and of others."""

import json
from datetime import datetime

from storage.places.place import LocalPlace
from storage.records.jobs import JobEnd, write_end
from tests.support.runs.command import Command

TEXT = "great, but the parcel was wet"


def lines_of(result):
    return [json.loads(line) for line in result.out.splitlines()]


def test_the_lines_of_all_processes_are_merged_and_hold_no_feedback(home, upload, tmp_path):
    chorus = Command(home, light=True, CHORUS_LOG="json")
    file = upload([("1", TEXT), ("2", "awful")], "up\x1b[2Jload.csv")
    job = chorus("score", file, "--customer", "plain", "--json").json["job"]

    for log in (home / "run/logs").iterdir():
        assert TEXT not in log.read_text()
        for line in log.read_text().splitlines():
            if line.startswith("{"):
                assert json.loads(line)["process"]
    lines = lines_of(chorus.here("logs", job, "--json"))
    moments = [datetime.fromisoformat(line["time"]) for line in lines]
    assert moments == sorted(moments)
    assert all(line["job"] == job and line["host"] and line["process"] for line in lines)
    processes = {line["process"] for line in lines}
    assert len(processes) == 3, "of the command, the scoring worker and the control worker"
    by_event = {line["message"].partition(":")[0]: line for line in lines}
    assert by_event.keys() >= {
        *("submitted", "dispatched", "chorus.score begins", "chorus.score done"),
        *("chorus.reduce begins", "all parts are written", "ended", "chorus.reduce done"),
    }
    assert lines[0] == by_event["submitted"]
    assert (lines[0]["command"], lines[0]["customer"]) == ("score", "plain")
    scored = by_event["chorus.score done"]
    assert (scored["model"], scored["version"], scored["rows"]) == ("mood-bow", 1, 2)
    assert scored["seconds"] > 0
    assert scored["chunk"] == by_event["chorus.reduce done"]["chunk"]

    assert [
        one["job"] for one in chorus.here("status", "--state", "done", "--json").json["jobs"]
    ] == [job]
    for nothing in (["--state", "failed"], ["--customer", "acme"], ["--since", "2100-01-01"]):
        overview = chorus.here("status", *nothing, "--json").json
        assert (overview["jobs"], overview["jobs_not_shown"]) == ([], 0)

    text = chorus.here("logs", job, "--follow").out.splitlines()
    assert [line.split()[0] for line in text] == [line["time"] for line in lines]
    assert all(f"job={job}" in line for line in text)

    # on a machine that ran none of its processes, the root says when it was submitted
    other = Command(home, CHORUS_RUN=str(tmp_path / "elsewhere"))
    write_end(LocalPlace(home), job, JobEnd(status="cancelled", at=moments[-1]))
    seen = other.here("logs", job, "--json")
    assert [(line["logger"], line["message"]) for line in lines_of(seen)] == [
        ("job.json", "submitted: priority bulk"),
        ("ended.json", "ended: cancelled"),
    ]
    assert "its processes run on another machine" in seen.err


def test_an_unknown_job_is_refused_with_a_few_that_are_near(home):
    for number in range(40):
        LocalPlace(home).create(f"jobs/{number:016x}/job.json", b"{}")
    for command in ("logs", "status", "cancel"):
        ended = Command(home).here(command, "000000000000000")
        assert ended.status == 2
        assert "There is no job 000000000000000" in ended.err
        assert "and 32 more" in ended.err

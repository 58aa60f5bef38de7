"""`chorus up`: the number of workers follows demand, from zero to max and back."""

import json
import shutil
import socket

import pytest

from storage.places.place import LocalPlace
from storage.records.jobs import read_end, read_job
from storage.records.labelled_output import read_manifest
from tasks.board.worker_profile import WorkerProfile, store_profile
from tests.acceptance.conftest import write_upload
from tests.support.runs.command import Command
from tests.support.runs.running_service import numbered_texts, running_service
from tests.support.runs.waiting import wait_until

MANY = 40  # rows, each a chunk
LIMITS = """
[defaults]
max = 1
keep_warm = "1s"
drain = "1s"
[models.mood-plain]
max = 3
[models.topics-bow]
min = 1
"""


@pytest.fixture(scope="module")
def home(registry, tmp_path_factory):
    """A root with a profile of mood-plain that is slow to score and quick to start, so that a burst
    of rows is worth many workers.
    """
    home = shutil.copytree(registry, tmp_path_factory.mktemp("up") / "home")
    store_profile(
        LocalPlace(home),
        "mood-plain",
        1,
        WorkerProfile(rate=20, start_seconds=1, memory=200_000_000),
    )
    (home / "chorus.toml").write_text(LIMITS)
    return home


@pytest.fixture(scope="module")
def up(home):
    command = Command(
        home, light=True, brake=home.parent / "brake", CHORUS_CORES="6", CHORUS_MEMORY="8000"
    )
    with running_service(command) as up:
        yield up


@pytest.fixture
def brake(home):
    """While this file exists, a job takes ten seconds."""
    (home.parent / "brake").touch()
    yield home.parent / "brake"
    (home.parent / "brake").unlink(missing_ok=True)


def test_only_the_models_that_a_job_needs_are_started(up):
    up.wait_for(up.submit("plain", numbered_texts(5)))
    assert sorted(up.workers()) == ["broker", "control", "mood-bow", "topics-bow"], (
        "topics-bow by its min, no other"
    )


def test_idle_pools_shrink_to_zero_and_start_again_for_the_next_upload(up):
    up.wait_for(up.submit("plain", numbered_texts(5, "first"), name="first"))
    wait_until(lambda: "mood-bow" not in up.workers(), "the idle worker to go")
    up.wait_for(up.submit("plain", numbered_texts(5, "second"), name="second"))
    wait_until(lambda: "mood-bow" not in up.workers(), "the idle worker to go again")


def test_a_model_with_a_min_keeps_its_worker_when_all_others_have_stopped(up):
    [warm] = wait_until(lambda: up.workers().get("topics-bow"), "the worker that min asks for")
    up.wait_for(up.submit("default", numbered_texts(5)))
    wait_until(lambda: set(up.workers()) == {"broker", "control", "topics-bow"}, "the others to go")
    assert up.workers()["topics-bow"] == [warm], "and it is the one from before"


def test_a_burst_of_rows_scales_a_pool_to_max_and_back_to_zero(up, brake):
    job, seen = up.submit("default", numbered_texts(300, "burst"), 5, name="burst"), set()

    def done():
        seen.add(len(up.workers().get("mood-plain", [])))
        if max(seen) == 3:
            brake.unlink(missing_ok=True)
        return read_end(up.place, job.id)

    wait_until(done, "the job to end")
    assert max(seen) == 3
    up.wait_for(job)
    wait_until(lambda: "mood-plain" not in up.workers(), "the workers to go")


def test_commands_find_the_local_service_and_a_cancelled_job_can_be_resumed(up, brake, tmp_path):
    chorus = Command(up.command.home, CHORUS_CHUNK_ROWS="1")
    rows = list(enumerate(numbered_texts(MANY, "cancelled")))
    submitted = chorus(
        "submit", write_upload(tmp_path / "many.csv", rows), "--customer", "plain", "--json"
    )
    assert submitted.status == 0, submitted.err
    name = submitted.json["job"]
    job = read_job(up.place, name)
    wait_until(lambda: up.scores(job), "the first scores")
    cancelled = chorus.here("cancel", name)
    brake.unlink()
    assert cancelled.status == 0, cancelled.err
    assert chorus.here("status", name, "--json").json["status"] == "cancelled"
    wait_until(lambda: "mood-bow" not in up.workers(), "its worker to go: there is nothing to do")
    assert 0 < up.scores(job) < MANY
    assert read_manifest(job.output) is None
    assert chorus.here("resume", name).status == 0
    assert up.wait_for(job).rows_labelled == MANY
    assert chorus.here("status", name, "--json").json["status"] == "done"

    logs = chorus.here("logs", name, "--json", "--follow")
    lines = [json.loads(line) for line in logs.out.splitlines()]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert {line["job"] for line in lines} == {name}
    events = [
        (line["message"].partition(":")[0], line.get("command"))
        for line in lines
        if line["message"].startswith(("submitted", "ended", "resumed"))
    ]
    assert events == [
        ("submitted", "submit"),
        ("ended", "cancel"),
        ("resumed", "resume"),
        ("ended", None),
    ]
    assert all(line["user"] and line["host"] for line in lines if "command" in line)
    scored = [line for line in lines if line["message"] == "chorus.score done"]
    assert len({line["chunk"] for line in scored}) == MANY
    assert {(line["model"], line["rows"]) for line in scored} == {("mood-bow", 1)}
    reduced = [line for line in lines if line["message"] == "chorus.reduce done"]
    assert len({line["chunk"] for line in reduced}) == MANY
    assert "job=" in chorus.here("logs", name).out


def test_a_second_service_in_the_same_folder_is_refused_and_says_what_to_do(up):
    ended = up.command.here("up")
    assert ended.status == 2
    for expected in (f"(process {up.process.pid})", "chorus submit", "stop it", "chorus up --join"):
        assert expected in ended.err
    up.wait_for(up.submit("plain", numbered_texts(5, "after"), name="after"))


def test_a_metrics_port_in_use_is_refused_before_anything_starts(home, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = Command(home, CHORUS_RUN=str(tmp_path / "run")).here("up", "--metrics", where)
    assert ended.status == 1
    assert f"The metrics cannot be served on {where}" in ended.err
    assert not (tmp_path / "run/logs/control.log").exists()


def test_join_without_a_broker_is_refused(up):
    ended = up.command.here("up", "--join")
    assert ended.status == 2
    assert "Set it to the broker that all machines share" in ended.err

"""Failures in the middle of a job: a clear error, and the same command resumes without losses."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage.places.place import LocalPlace
from storage.records.jobs import all_jobs, read_end
from tasks.board.board import Board
from tasks.board.keys import key_prefix
from tests.support.runs.command import Command
from tests.support.runs.running_service import children, has_ended
from tests.support.runs.waiting import wait_until

MANY = [
    (f"r{number}", f"{'great' if number % 3 else 'awful'} thing number {number}")
    for number in range(40)
]


@pytest.fixture
def brake(tmp_path):
    """While this file exists, a job takes ten seconds, so that a test can act in the middle."""
    (tmp_path / "brake").touch()
    return tmp_path / "brake"


@pytest.fixture
def many_chunks(home, brake):
    """A root where every row is a chunk."""
    return Command(home, light=True, brake=brake, CHORUS_CHUNK_ROWS="1")


@pytest.fixture
def chorus(home, tmp_path_factory):
    """The root and the run folder have names with characters that are special in a URL."""
    run = tmp_path_factory.mktemp("a #1 ?x=%20 ")  # short, as a socket has a limit
    return Command(home.rename(home.parent / "a #1 ?x=%20 root"), light=True, CHORUS_RUN=str(run))


def scores_of(home):
    return {path: path.stat().st_mtime_ns for path in (home / "scores").rglob("*.arrow")}


def digest_of_parts(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).glob("part-*")
    }


def workers_of(process):
    """Return arguments → process id of the children of a running command.

    Python's own helper of `multiprocessing`, which ends with the command, is not counted.
    """
    arguments = {" ".join(words): pid for pid, words in children(process.pid)}
    return {line: pid for line, pid in arguments.items() if "resource_tracker" not in line}


def test_ctrl_c_stops_all_processes_and_the_same_command_resumes_the_job(
    many_chunks, brake, home, upload
):
    path = upload(MANY)
    arguments = ("score", path, "--customer", "plain", "--json")
    with many_chunks.start(*arguments) as process:
        wait_until(lambda: len(scores_of(home)) > 5, "the first scores")
        workers = workers_of(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"run the same command again" in err
    assert b"Traceback" not in err
    assert len(workers) == 3, "broker, control, mood-bow"
    assert all(has_ended(pid) for pid in workers.values())
    before = scores_of(home)
    assert 5 < len(before) < len(MANY)
    brake.unlink()
    ended = many_chunks(*arguments)
    assert ended.status == 0, ended.err
    assert ended.json["rows_labelled"] == len(MANY)
    assert ended.json["cells_scored"] == len(MANY) - len(before)
    assert before.items() <= scores_of(home).items(), "nothing was scored again"


def test_ctrl_c_with_a_broker_that_stays_stops_the_job_on_its_board(
    home, brake, broker, redis, upload
):
    command = Command(
        home, light=True, brake=brake, CHORUS_BROKER_URL=broker.url, CHORUS_CHUNK_ROWS="1"
    )
    arguments = ("score", upload(MANY), "--customer", "plain", "--json")
    with command.start(*arguments) as process:
        wait_until(lambda: len(scores_of(home)) > 5, "the first scores")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    board = Board(redis, key_prefix(LocalPlace(home)))
    [job] = all_jobs(LocalPlace(home))
    assert board.running() == {}
    assert (
        board.progress(job.id, []).status
        == read_end(LocalPlace(home), job.id).status
        == "interrupted"
    )
    brake.unlink()
    assert command(*arguments).json["rows_labelled"] == len(MANY)


def test_a_killed_embedded_broker_is_replaced_and_the_job_continues(
    many_chunks, brake, home, upload
):
    """For the other children of a command, which a service has as well, see test_up_heals."""
    with many_chunks.start("score", upload(MANY), "--customer", "plain", "--json") as process:
        wait_until(lambda: len(scores_of(home)) > 5, "the first scores")
        [pid] = [pid for command, pid in workers_of(process).items() if "valkey-server" in command]
        os.kill(pid, signal.SIGKILL)
        assert len(scores_of(home)) < len(MANY), "in the middle of the job"
        brake.unlink()
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert json.loads(out)["rows_labelled"] == len(MANY)


def test_the_children_of_a_killed_command_end(many_chunks, home, upload):
    with many_chunks.start("score", upload(MANY), "--customer", "plain") as process:
        wait_until(lambda: len(scores_of(home)) > 5, "the first scores")
        workers = workers_of(process)
        process.kill()
        process.communicate(timeout=60)
    assert len(workers) == 3
    wait_until(lambda: all(has_ended(pid) for pid in workers.values()), "the children to end")


def test_a_model_file_with_one_changed_byte_is_not_loaded(chorus, upload):
    file = chorus.home / "registry" / "models" / "mood-bow" / "1" / "pipeline.skops"
    whole = file.read_bytes()
    file.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    path = upload(MANY[:5])
    arguments = ("score", path, "--customer", "plain", "--json")
    ended = chorus(*arguments)
    assert ended.status == 1
    for expected in ("pipeline.skops", "mood-bow", "SHA-256", "Restore the file"):
        assert expected in ended.err
    assert "Traceback" not in ended.err
    doctor = chorus.here("doctor")
    assert doctor.status == 1
    assert "pipeline.skops" in "".join(doctor.out.split())
    file.write_bytes(whole)
    ended = chorus(*arguments)
    assert ended.status == 0, ended.err
    assert ended.json["rows_labelled"] == 5


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 4 kB. It needs the right to mount, which CI has."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode and "CI" not in os.environ:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.decode().strip()}")
    assert mounted.returncode == 0, mounted.stderr
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_at_the_output_fails_the_job_which_resumes_once_there_is_space(
    chorus, full_disk, upload
):
    path = upload(MANY)
    arguments = ("score", path, "--customer", "plain", "--out", full_disk / "out", "--json")
    ended = chorus(*arguments)
    assert ended.status == 1
    assert "No space left on device" in ended.err
    assert str(full_disk) in ended.err
    assert "Traceback" not in ended.err
    assert digest_of_parts(full_disk / "out") == {}
    subprocess.run(["mount", "-o", "remount,size=4m", full_disk], check=True)
    ended = chorus(*arguments)
    assert ended.status == 0, ended.err
    assert ended.json["cells_scored"] == 0
    assert len(pq.read_table(full_disk / "out" / "part-00000.parquet")) == len(MANY)


def test_an_unreachable_broker_is_named_in_the_error(home, upload):
    ended = Command(home, CHORUS_BROKER_URL="redis://user:secret@127.0.0.1:1/0").here(
        "score", upload(MANY[:3]), "--json"
    )
    assert ended.status == 1
    assert "redis://127.0.0.1:1/0 does not answer" in ended.err
    assert "secret" not in ended.err + ended.out
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "url", ["http://x", "redis", "sentinel://host", "redis://host:port/0", "redis://a,b"]
)
def test_an_invalid_broker_url_is_refused(home, upload, url):
    ended = Command(home, CHORUS_BROKER_URL=url).here("score", upload(MANY[:3]))
    assert ended.status == 2
    assert "CHORUS_BROKER_URL" in ended.err
    assert "Traceback" not in ended.err


def test_an_output_folder_with_foreign_parts_is_refused(chorus, upload, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.parquet").write_bytes(b"not ours")
    ended = chorus.here(
        "score", upload(MANY[:2]), "--customer", "plain", "--out", tmp_path / "out", "--json"
    )
    assert ended.status == 2
    assert "part-00000.parquet" in ended.err
    assert ended.json["status"] == "refused"


def test_an_output_belongs_to_one_job_whose_damaged_or_lost_files_are_written_again(
    chorus, upload, tmp_path
):
    place = ("--customer", "plain", "--out", tmp_path / "out", "--json")
    first = chorus("score", upload(MANY[:5]), *place)
    before = digest_of_parts(tmp_path / "out")
    assert before
    other = chorus.here("score", upload(MANY[5:9], name="b.csv"), *place)
    assert other.status == 2
    assert first.json["job"] in other.err
    assert digest_of_parts(tmp_path / "out") == before

    [scores] = scores_of(chorus.home)
    scores.write_bytes(scores.read_bytes()[:100])
    (tmp_path / "out" / "part-00000.parquet").unlink()
    again = chorus("score", upload(MANY[:5]), *place)
    assert again.status == 0, again.err
    assert digest_of_parts(tmp_path / "out") == before


def test_two_roots_share_a_broker_without_mixing_their_jobs(
    home, registry, broker, redis, upload, tmp_path
):
    assert redis.ping()
    other = shutil.copytree(registry, tmp_path / "other")
    path = upload(MANY)
    roots = [
        Command(one, light=True, CHORUS_BROKER_URL=broker.url, CHORUS_CHUNK_ROWS="4")
        for one in (home, other)
    ]
    with ExitStack() as stack:
        started = [
            stack.enter_context(root.start("score", path, "--customer", "plain")) for root in roots
        ]
        ended = [process.communicate(timeout=100) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended


def test_a_run_folder_that_cannot_be_created_is_named_in_the_error(home, upload):
    ended = Command(home, CHORUS_RUN="/proc/nothing").here("score", upload(MANY[:2]), "--json")
    assert ended.status == 1
    assert "/proc/nothing" in ended.err
    assert "Traceback" not in ended.err
    assert ended.json["status"] == "failed"

"""`chorus up` when processes die: the job goes on by itself, and ends with the bytes of an
undisturbed run.
"""

import os
import shutil
import signal

import pyarrow as pa
import pytest

from storage.records.feedback import chunk_id
from tasks.board import keys
from tasks.broker.step_messages import ReduceChunk
from tests.support.runs.command import Command
from tests.support.runs.running_service import (
    children,
    has_ended,
    labelled_parts,
    numbered_texts,
    running_service,
    written_parts,
)
from tests.support.runs.waiting import wait_until

MANY, CHUNK_ROWS = numbered_texts(120), 2
CHUNKS = len(MANY) // CHUNK_ROWS
PATIENCE = 60  # seconds within which it goes on


@pytest.fixture(scope="module")
def up(registry, tmp_path_factory):
    home = shutil.copytree(registry, tmp_path_factory.mktemp("undisturbed") / "home")
    with running_service(Command(home, light=True)) as up:
        yield up


@pytest.fixture(scope="module")
def undisturbed(up):
    """The labelled parts of a run in which nothing dies."""
    job = up.submit("plain", MANY, CHUNK_ROWS)
    assert up.wait_for(job).rows_labelled == len(MANY)
    return labelled_parts(job)


@pytest.fixture
def brake(tmp_path):
    """On: a job takes many seconds."""
    (tmp_path / "brake").touch()
    return tmp_path / "brake"


@pytest.fixture
def chorus(home, brake):
    return Command(home, light=True, brake=brake)


def test_a_job_survives_the_death_of_each_child_with_the_same_bytes(chorus, brake, undisturbed):
    with running_service(chorus) as up:
        job, killed = up.submit("plain", MANY, CHUNK_ROWS), {}
        wait_until(lambda: up.scores(job) > 5, "the first scores")
        for victim in ("mood-bow", "control", "broker"):
            before = written_parts(job)
            killed[victim] = up.kill(victim)
            wait_until(
                lambda: written_parts(job) > before,  # noqa: B023 — awaited at once
                f"the job to go on without that {victim}",
                PATIENCE,
            )
            assert written_parts(job) < CHUNKS, "in the middle of the job"
        brake.unlink()
        up.wait_for(job, PATIENCE)
        assert labelled_parts(job) == undisturbed
        for victim, pid in killed.items():
            assert pid not in up.workers()[victim], "another has taken its place"


def test_what_a_dead_control_worker_had_in_work_is_handed_back(up):
    [control] = up.workers()["control"]
    [words] = [words for pid, words in children(up.process.pid) if pid == control]
    step = ReduceChunk("plain-leased", chunk_id(pa.array(MANY[:1], pa.string()))).step
    lease = up.context.board.key(keys.LEASE, step)
    up.context.board.redis.set(lease, words[words.index("--id") + 1], ex=3600)
    job = up.submit("plain", MANY[:2], name="leased")
    wait_until(lambda: written_parts(job), "the part that nobody seems to work on")
    up.kill("control")
    up.wait_for(job, PATIENCE)


def test_told_to_stop_in_the_middle_it_loses_nothing_and_goes_on_when_it_is_started_again(
    chorus, brake, undisturbed
):
    with running_service(chorus) as up:
        job = up.submit("plain", MANY, CHUNK_ROWS)
        wait_until(lambda: written_parts(job) > 5, "the first parts")
        up.stop()
    before = labelled_parts(job)
    assert 0 < len(before) < CHUNKS
    brake.unlink()
    with running_service(chorus) as up:
        up.wait_for(job, PATIENCE)
    assert labelled_parts(job) == undisturbed
    assert before.items() <= labelled_parts(job).items()


def test_a_service_that_is_killed_takes_its_children_with_it_and_another_ends_its_job(
    chorus, brake, undisturbed
):
    with running_service(chorus) as up:
        job = up.submit("plain", MANY, CHUNK_ROWS)
        wait_until(lambda: written_parts(job) > 5, "the first parts")
        pids = [pid for pid, _ in children(up.process.pid)]
        assert len(pids) == 3, "broker, control, mood-bow"
        os.kill(up.process.pid, signal.SIGKILL)
        up.process.communicate(timeout=60)
        wait_until(lambda: all(map(has_ended, pids)), "the children to end")
    assert written_parts(job) < CHUNKS
    brake.unlink()
    with running_service(chorus) as up:
        up.wait_for(job, PATIENCE)
    assert labelled_parts(job) == undisturbed

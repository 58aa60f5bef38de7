"""`chorus up` when processes die: the job continues, with the output of an undisturbed run."""

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
RECOVERY_SECONDS = 60  # seconds within which a job continues


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
    """While this file exists, a job takes many seconds."""
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
                RECOVERY_SECONDS,
            )
            assert written_parts(job) < CHUNKS, "in the middle of the job"
        brake.unlink()
        up.wait_for(job, RECOVERY_SECONDS)
        assert labelled_parts(job) == undisturbed
        for victim, pid in killed.items():
            assert pid not in up.workers()[victim], "another has taken its place"


def test_the_steps_of_a_dead_control_worker_are_queued_again(up):
    [control] = up.workers()["control"]
    [words] = [words for pid, words in children(up.process.pid) if pid == control]
    step = ReduceChunk("plain-leased", chunk_id(pa.array(MANY[:1], pa.string()))).step
    lease = up.context.board.key(keys.LEASE, step)
    up.context.board.redis.set(lease, words[words.index("--id") + 1], ex=3600)
    job = up.submit("plain", MANY[:2], name="leased")
    wait_until(lambda: written_parts(job), "the part that nobody seems to work on")
    up.kill("control")
    up.wait_for(job, RECOVERY_SECONDS)


def test_a_service_stopped_in_the_middle_of_a_job_continues_it_after_a_restart(
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
        up.wait_for(job, RECOVERY_SECONDS)
    assert labelled_parts(job) == undisturbed
    assert before.items() <= labelled_parts(job).items()


def test_the_children_of_a_killed_service_end_and_the_next_service_finishes_its_job(
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
        up.wait_for(job, RECOVERY_SECONDS)
    assert labelled_parts(job) == undisturbed

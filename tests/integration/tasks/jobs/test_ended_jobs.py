"""Stopped and done jobs, with a board in Redis: they stay so, and their keys expire."""

import pytest

from storage.errors import ChorusError
from storage.places.place import CannotWrite, LocalPlace
from storage.records import jobs
from storage.records.jobs import JobEnd, Startup, read_end, write_end
from tasks.board import keys
from tasks.broker.step_messages import FinishJob, ReduceChunk, ScoreCell
from tasks.jobs.startup_timing import read_startup
from tasks.jobs.submit import start_job, stop_job
from tests.support.runs.steps import PREFIX, Steps, store_dataset, store_job
from workers.runtime.run_step import run_step

TEXTS = [f"text number {number}" for number in range(12)]  # 6 chunks of two rows


@pytest.fixture
def job(place):
    return store_job(place, store_dataset(place, TEXTS))


@pytest.fixture
def steps(place, redis):
    return Steps(place, redis)


def status_of(steps, job):
    return steps.context.board.progress(job.id, []).status


def keys_without_expiry(redis, job):
    """Return the keys of the job that do not expire."""
    return [key for key in redis.keys(f"{PREFIX}job:{job.id}*") if redis.ttl(key) < 0]


@pytest.mark.parametrize("status", ["cancelled", "failed", "interrupted"])
def test_a_job_stopped_while_it_is_planned_stays_stopped(steps, job, monkeypatch, status):
    mark_running = steps.context.board.mark_running

    def stop_first(*facts):
        stop_job(steps.context, job, status, "because")
        mark_running(*facts)

    monkeypatch.setattr(steps.context.board, "mark_running", stop_first)
    start_job(steps.context, job)
    assert read_end(steps.context.place, job.id).status == status
    assert (status_of(steps, job), steps.context.board.running(), steps.queue) == (status, {}, [])


@pytest.mark.parametrize("status", ["cancelled", "failed", "interrupted"])
def test_messages_of_a_stopped_job_are_skipped_until_it_is_started_again(steps, job, status):
    start_job(steps.context, job)
    stop_job(steps.context, job, status)
    assert steps.context.board.is_stopped(job.id)
    start_job(steps.context, job)
    assert not steps.context.board.is_stopped(job.id)
    steps.drain()
    assert read_end(steps.context.place, job.id).status == "done"


def test_a_stopped_job_has_no_cells_waiting_or_outstanding(steps, place, redis, job):
    other = store_job(
        place, store_dataset(place, TEXTS, name="more"), id="job11", out=place.url_of("more")
    )
    for one in (job, other):
        start_job(steps.context, one)
    board = steps.context.board
    assert {one for one, _ in board.outstanding("bow")} == {job.id}
    stop_job(steps.context, job, "cancelled")
    assert board.outstanding("bow") == board.outstanding("minilm") == set()
    assert redis.zrange(board.key(keys.LANE, "bow", "0|acme"), 0, -1) == [other.id.encode()]
    stop_job(steps.context, other, "cancelled")
    assert redis.keys(f"{PREFIX}out:*") == redis.keys(f"{PREFIX}want:*") == []


def test_what_is_written_after_a_job_was_stopped_expires(steps, redis, job):
    start_job(steps.context, job)
    cell = steps.queue[0]
    assert isinstance(cell, ScoreCell)
    stop_job(steps.context, job, "cancelled")
    board = steps.context.board
    board.mark_scored(job.id, "bow", [0], ["bow", "minilm"])
    board.requeue(job.id, "minilm", [0])
    board.seed(job.id, "minilm", scored=[1], in_flight=[2], missing=[])
    board.mark_written(job.id, [0], len(TEXTS))
    assert len(redis.keys(f"{PREFIX}job:{job.id}*")) > 3
    assert keys_without_expiry(redis, job) == []
    start_job(steps.context, job)
    assert redis.ttl(board.key(keys.JOB, job.id)) == -1, "the keys of a running job do not expire"


def test_what_is_written_for_a_job_that_the_board_lost_expires_unless_it_runs(steps, redis, job):
    start_job(steps.context, job)
    redis.flushall()
    steps.context.board.mark_scored(job.id, "bow", [0], ["bow", "minilm"])
    assert keys_without_expiry(redis, job) == []
    steps.plan(job)
    assert set(keys_without_expiry(redis, job)) == set(redis.keys(f"{PREFIX}job:{job.id}*"))


def test_a_part_written_to_a_board_that_lost_the_job_is_not_its_first(steps, redis, job):
    start_job(steps.context, job)
    board = steps.context.board
    redis.flushall()
    board.mark_written(job.id, [0], len(TEXTS))
    steps.plan(job)
    assert board.arrival(job.id).first_part is None
    board.mark_written(job.id, [1], len(TEXTS))
    first = board.arrival(job.id).first_part
    assert first >= board.arrival(job.id).since
    board.mark_written(job.id, [2], len(TEXTS))
    assert board.arrival(job.id).first_part == first


def test_a_first_part_written_by_a_slow_clock_took_no_time(steps, redis, job):
    start_job(steps.context, job)
    board = steps.context.board
    redis.hset(board.key(keys.JOB, job.id), "first_part", str(board.arrival(job.id).since - 1.2))
    assert read_startup(board, job.id).first_part == 0.0


def test_a_done_job_does_not_change_when_it_is_started_again(steps, place, redis, job):
    start_job(steps.context, job)
    steps.drain()
    end = JobEnd(status="done", beginning=Startup(first_part=2.5))
    write_end(place, job.id, end)
    redis.flushall()
    start_job(steps.context, job)
    assert read_end(place, job.id) == end
    assert steps.queue == []


@pytest.mark.parametrize("lost", ["part-00001.parquet", "_SUCCESS", "_manifest.json"])
def test_a_done_job_that_lost_a_file_is_completed_when_it_is_started_again(steps, place, job, lost):
    start_job(steps.context, job)
    steps.drain()
    whole = job.output.read(lost)
    job.output.remove(lost)
    start_job(steps.context, job)
    steps.drain()
    assert job.output.read(lost) == whole
    assert read_end(place, job.id).status == "done"


def test_a_complete_job_without_an_end_record_gets_one_when_it_is_started(steps, place, job):
    start_job(steps.context, job)
    steps.drain()
    jobs.remove_end(place, job.id)
    start_job(steps.context, job)
    steps.drain()
    assert read_end(place, job.id).status == "done"


class FullDisk(LocalPlace):
    """A place on a disk without free space."""

    def replace(self, path, _data):
        raise CannotWrite(self.url_of(path), "No space left on device")


def test_a_job_fails_on_the_board_where_storage_is_full(tmp_path, redis, caplog):
    job = store_job(
        LocalPlace(tmp_path), store_dataset(LocalPlace(tmp_path), TEXTS), models=("bow",)
    )
    steps = Steps(FullDisk(tmp_path), redis)
    start_job(steps.context, job)

    def fail(_message):
        raise ChorusError("The model is broken.")

    run_step(steps.context, fail, ReduceChunk(job.id, "x"))
    progress = steps.context.board.progress(job.id, ["bow"])
    assert (progress.status, progress.error) == ("failed", "The model is broken.")
    assert "the failed job is recorded on the board alone" in caplog.text
    assert keys_without_expiry(redis, job) == []


def test_a_job_that_is_missing_in_storage_fails_on_the_board_alone(steps, place, job):
    start_job(steps.context, job)
    place.remove(jobs.job_path(job.id))

    def fail(_message):
        raise ChorusError("It is gone.")

    run_step(steps.context, fail, FinishJob(job.id))
    assert status_of(steps, job) == "failed"
    assert place.names(f"jobs/{job.id}") == []

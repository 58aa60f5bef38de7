"""The watchdog: when it ends its worker, and when it touches the liveness file."""

from time import time

import pytest

from tasks.board.board import Board
from tasks.board.keys import QUEUE
from tasks.board.leases import WorkerSession
from tasks.board.roster import Worker
from tasks.broker.step_messages import scoring_queue
from tests.support.runs.steps import PREFIX
from workers.runtime import watchdog
from workers.runtime.liveness_file import FILE_NAME
from workers.runtime.watchdog import Watchdog, stalled_reason


@pytest.fixture
def worker(redis, tmp_path, monkeypatch):
    """A watchdog with a settable clock, which records when it would end the process."""
    board = Board(redis, PREFIX)
    now = time()
    session = WorkerSession(board, Worker("one", "mood", "here", "idle", now, now, 10, 1))
    dog = Watchdog(board, session, tmp_path)
    dog.board, dog.session, dog.liveness_file, dog.ended = board, session, tmp_path / FILE_NAME, []
    monkeypatch.setattr(watchdog.os, "_exit", dog.ended.append)

    def at(seconds):
        monkeypatch.setattr(watchdog, "time", lambda: now + seconds)
        dog.liveness_file.unlink(missing_ok=True)
        dog()
        return dog.liveness_file.exists()

    dog.at = at
    return dog


def queue_messages(worker, messages=1):
    worker.board.redis.lpush(worker.board.key(QUEUE, scoring_queue("mood")), *(["x"] * messages))


def test_an_idle_worker_that_takes_no_waiting_message_for_long_is_ended(worker):
    queue_messages(worker)
    for seconds in (100, 105, 140):
        worker.at(seconds)
        assert not worker.ended
    worker.at(150)
    assert worker.ended


def test_a_message_that_arrives_after_long_idleness_does_not_end_the_worker(worker):
    assert worker.at(500)
    queue_messages(worker)
    worker.at(505)
    worker.board.redis.delete(worker.board.key(QUEUE, scoring_queue("mood")))
    assert worker.at(600)
    assert not worker.ended


def test_a_chunk_that_never_ends_touches_no_liveness_file_and_ends_the_worker(worker):
    with worker.session.lease("score/a"):
        worker.at(5)
        assert not worker.at(10)
        assert not worker.at(1000)
        assert not worker.ended
        worker.at(2000)
        assert worker.ended


def test_a_chunk_scored_with_fault_isolation_has_no_time_limit(worker):
    with worker.session.lease("score/a"):
        worker.session.disable_timeout("score/a")
        worker.at(5000)
        assert not worker.ended


def test_the_reason_of_a_stall_is_stated():
    assert stalled_reason(0, 0) is None
    assert "none was taken for 60 s" in stalled_reason(60, 0)
    assert "not done after 2000 s" in stalled_reason(0, 2000)

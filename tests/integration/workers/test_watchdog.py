"""Progress, not liveness: what a scoring worker finds wrong with itself, and its sign of life."""

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
    """A watchdog whose clock can be set, and that says when it would end the process."""
    board = Board(redis, PREFIX)
    now = time()
    presence = WorkerSession(board, Worker("one", "mood", "here", "idle", now, now, 10, 1))
    dog = Watchdog(board, presence, tmp_path)
    dog.board, dog.presence, dog.sign, dog.ended = board, presence, tmp_path / FILE_NAME, []
    monkeypatch.setattr(watchdog.os, "_exit", dog.ended.append)

    def at(seconds):
        monkeypatch.setattr(watchdog, "time", lambda: now + seconds)
        dog.sign.unlink(missing_ok=True)
        dog()
        return dog.sign.exists()

    dog.at = at
    return dog


def wait_in_line(worker, messages=1):
    worker.board.redis.lpush(worker.board.key(QUEUE, scoring_queue("mood")), *(["x"] * messages))


def test_messages_that_nobody_hears_for_a_while_end_the_worker(worker):
    wait_in_line(worker)
    for seconds in (100, 105, 140):
        worker.at(seconds)
        assert not worker.ended
    worker.at(150)
    assert worker.ended


def test_a_message_that_came_to_a_worker_long_idle_is_no_reason(worker):
    assert worker.at(500)
    wait_in_line(worker)
    worker.at(505)
    worker.board.redis.delete(worker.board.key(QUEUE, scoring_queue("mood")))
    assert worker.at(600)
    assert not worker.ended


def test_a_chunk_that_never_ends_is_no_sign_of_life_and_ends_the_worker(worker):
    with worker.presence.lease("score/a"):
        worker.at(5)
        assert not worker.at(10)
        assert not worker.at(1000)
        assert not worker.ended
        worker.at(2000)
        assert worker.ended


def test_a_chunk_scored_with_care_takes_its_time(worker):
    with worker.presence.lease("score/a"):
        worker.presence.disable_timeout("score/a")
        worker.at(5000)
        assert not worker.ended


def test_what_is_wrong_is_said():
    assert stalled_reason(0, 0) is None
    assert "none was taken for 60 s" in stalled_reason(60, 0)
    assert "not done after 2000 s" in stalled_reason(0, 2000)

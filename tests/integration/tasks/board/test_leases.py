"""Leases: held by one worker at a time, and renewed with its roster entry."""

from time import time

import pytest
from redis.exceptions import RedisError

from tasks.board import keys
from tasks.board.board import Board
from tasks.board.keys import SESSION_SECONDS
from tasks.board.leases import WorkerSession, leased_steps, release_all
from tasks.board.roster import Roster, Worker
from tests.support.runs.steps import PREFIX


@pytest.fixture
def board(redis):
    return Board(redis, PREFIX)


def start_session(board, name="one", state="idle"):
    worker = WorkerSession(board, Worker(name, "mood", "here", state, time(), time(), 10, 1))
    worker.renew_leases()  # a first heartbeat
    return worker


def unavailable(*_):
    raise RedisError("unavailable")


def test_a_step_is_leased_to_one_worker_and_free_afterwards(board):
    one, other = start_session(board), start_session(board, "other")
    with one.lease("score/a") as mine, other.lease("score/a") as also:
        assert mine
        assert not also
        assert leased_steps(board, ["score/a", "score/b"]) == {"score/a"}
        assert 0 < board.redis.ttl(board.key(keys.LEASE, "score/a")) <= SESSION_SECONDS
        assert Roster(board).get("one").state == "busy"
    assert leased_steps(board, ["score/a"]) == set()
    assert Roster(board).get("one").state == "idle"


def test_a_worker_can_end_while_the_broker_is_unavailable(board, monkeypatch):
    one = start_session(board)
    monkeypatch.setattr(Roster, "remove", unavailable)
    one.leave()


def test_a_lease_released_during_a_heartbeat_is_not_renewed(board, monkeypatch):
    one = start_session(board)
    lease = one.lease("score/a")
    assert lease.__enter__()

    def end_step(*_):  # the heartbeat has read which leases are held
        if one.busy:
            lease.__exit__(None, None, None)

    monkeypatch.setattr(Roster, "put", end_step)
    one.renew_leases()
    assert not one.busy
    assert leased_steps(board, ["score/a"]) == set()


def test_a_step_delivered_twice_to_a_worker_is_leased_once_and_released_once(board):
    one = start_session(board)
    with one.lease("score/a") as mine:
        with one.lease("score/a") as again:
            assert mine
            assert not again
        assert one.busy
        assert leased_steps(board, ["score/a"]) == {"score/a"}


def test_a_lease_whose_request_failed_is_not_held(board, monkeypatch):
    one = start_session(board)
    with monkeypatch.context() as patch:
        patch.setattr(Roster, "change", unavailable)
        with pytest.raises(RedisError), one.lease("score/a"):
            pytest.fail("the lease was taken")
    assert not one.busy
    assert leased_steps(board, ["score/a"]) == set()
    with one.lease("score/a") as again:
        assert again, "it does not count as held by another thread"


def test_releasing_the_leases_of_a_dead_worker_leaves_those_of_others(board):
    one, other = start_session(board), start_session(board, "other")
    with one.lease("score/a"), other.lease("score/b"):
        release_all(board, ["one"])
        assert leased_steps(board, ["score/a", "score/b"]) == {"score/b"}


def test_a_removed_worker_is_not_on_the_roster(board):
    roster = Roster(board)
    roster.put(start_session(board).worker)
    assert [worker.id for worker in roster.workers()] == ["one"]
    roster.remove(["one"])
    assert roster.workers() == []

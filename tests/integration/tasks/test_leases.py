"""A worker process on the roster, and the leases of what it works on."""

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


def presence(board, name="one", state="idle"):
    found = WorkerSession(board, Worker(name, "mood", "here", state, time(), time(), 10, 1))
    found.renew_leases()  # a first beat
    return found


def away(*_):
    raise RedisError("away")


def test_a_step_is_held_by_one_worker_and_free_after_it(board):
    one, other = presence(board), presence(board, "other")
    with one.lease("score/a") as mine, other.lease("score/a") as also:
        assert mine
        assert not also
        assert leased_steps(board, ["score/a", "score/b"]) == {"score/a"}
        assert 0 < board.redis.ttl(board.key(keys.LEASE, "score/a")) <= SESSION_SECONDS
        assert Roster(board).get("one").state == "busy"
    assert leased_steps(board, ["score/a"]) == set()
    assert Roster(board).get("one").state == "idle"


def test_who_leaves_while_the_broker_is_away_leaves(board, monkeypatch):
    one = presence(board)
    monkeypatch.setattr(Roster, "remove", away)
    one.leave()


def test_a_lease_that_was_let_go_during_a_beat_does_not_come_back(board, monkeypatch):
    one = presence(board)
    held = one.lease("score/a")
    assert held.__enter__()

    def meanwhile(*_):  # a beat has read what is held, and then the step ends
        if one.busy:
            held.__exit__(None, None, None)

    monkeypatch.setattr(Roster, "put", meanwhile)
    one.renew_leases()
    assert not one.busy
    assert leased_steps(board, ["score/a"]) == set()


def test_a_step_that_comes_twice_to_one_worker_is_held_once_and_let_go_once(board):
    one = presence(board)
    with one.lease("score/a") as mine:
        with one.lease("score/a") as again:
            assert mine
            assert not again
        assert one.busy
        assert leased_steps(board, ["score/a"]) == {"score/a"}


def test_a_lease_that_could_not_be_asked_for_is_not_held(board, monkeypatch):
    one = presence(board)
    with monkeypatch.context() as patch:
        patch.setattr(Roster, "change", away)
        with pytest.raises(RedisError), one.lease("score/a"):
            pytest.fail("it was held")
    assert not one.busy
    assert leased_steps(board, ["score/a"]) == set()
    with one.lease("score/a") as again:
        assert again, "it is not taken for another's"


def test_what_a_dead_worker_held_is_free_and_what_others_hold_is_not(board):
    one, other = presence(board), presence(board, "other")
    with one.lease("score/a"), other.lease("score/b"):
        release_all(board, ["one"])
        assert leased_steps(board, ["score/a", "score/b"]) == {"score/b"}


def test_who_says_nothing_leaves_the_roster(board):
    roster = Roster(board)
    roster.put(presence(board).worker)
    assert [worker.id for worker in roster.workers()] == ["one"]
    roster.remove(["one"])
    assert roster.workers() == []

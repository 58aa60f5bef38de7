"""An id of a customer belongs to one batch, also when Redis has forgotten it."""

from datetime import UTC, datetime, timedelta

import pytest

from intake.messages import batch
from intake.messages.message import MessageFeedback
from tasks.board import keys
from tasks.board.board import Board
from tasks.board.message_dedup import MessageDedup
from tests.support.runs.steps import PREFIX

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = 3600


@pytest.fixture
def board(redis):
    return Board(redis, PREFIX)


@pytest.fixture
def once(place, board):
    return MessageDedup(place, board, 24 * HOUR)


def store(place, name, *ids, customer="acme"):
    table, _ = batch.validate_messages(
        [MessageFeedback(customer, id_, "fine", ()) for id_ in ids], ids, 100
    )
    assert batch.store_chunk(place, customer, name, table)


def name(ago):
    return batch.batch_name(NOW - timedelta(seconds=ago))


def test_the_first_batch_owns_an_id_and_each_customer_has_ids_of_his_own(once):
    first, second = name(2), name(1)
    assert once.claim("acme", first, ["a", "b"], NOW) == [first, first]
    assert once.claim("acme", second, ["b", "c"], NOW) == [first, second]
    assert once.claim("plain", second, ["a"], NOW) == [second]


def test_what_a_lost_batch_owned_can_be_claimed_again_and_nothing_else(once):
    lost, kept, third = name(3), name(2), name(1)
    once.claim("acme", lost, ["a"], NOW)
    once.claim("acme", kept, ["b"], NOW)
    assert once.claim("acme", third, ["a", "b"], NOW, {lost}) == [third, kept]


def test_what_redis_forgot_is_claimed_anew_from_storage(once, place, board):
    old, recent, unstored, mine = name(25 * HOUR), name(2 * HOUR), name(60), name(0)
    store(place, old, "old")
    store(place, recent, "a", "b")
    store(place, recent, "a", customer="plain")
    batch.abandon_batch(place, "acme", unstored)
    board.redis.flushall()
    assert once.claim("acme", mine, ["a", "old", "new"], NOW) == [recent, mine, mine]
    assert once.claim("plain", mine, ["a"], NOW) == [recent]


def test_a_claim_runs_out_with_the_window(once, place, board):
    recent = name(2 * HOUR)
    store(place, recent, "a")
    once.claim("acme", name(0), ["b"], NOW)
    left = {
        key.decode().rsplit(":", 1)[-1]: board.redis.ttl(key)
        for key in board.redis.keys(f"{PREFIX}once:acme:*")
    }
    assert sorted(round(seconds / HOUR) for seconds in left.values()) == [22, 24]


def test_of_a_server_that_lacks_the_last_of_what_was_written_that_alone_is_asked_of_storage(
    once, place, board
):
    kept, forgotten = name(60), name(50)
    for batch_, id_ in ((kept, "a"), (forgotten, "b")):
        once.claim("acme", batch_, [id_], NOW)
        store(place, batch_, id_)
    claims = board.redis.keys(f"{PREFIX}once:acme:*")
    lost = [key for key in claims if board.redis.get(key) == forgotten.encode()]
    assert board.redis.delete(*lost, board.key(keys.BATCH_CLAIMED, "acme", forgotten)) == 2
    board.redis.set(board.key(keys.DEDUP_COMPLETE), "the run before")
    place.remove(f"feedback/acme/{kept}/chunk-00000.parquet")  # nobody needs it
    mine = name(0)
    assert once.claim("acme", mine, ["a", "b", "c"], NOW) == [kept, forgotten, mine]

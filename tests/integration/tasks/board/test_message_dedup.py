"""Each message id of a customer belongs to one batch, even after Redis has lost its claims."""

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
def dedup(place, board):
    return MessageDedup(place, board, 24 * HOUR)


def store(place, name, *ids, customer="acme"):
    table, _ = batch.validate_messages(
        [MessageFeedback(customer, id_, "fine", ()) for id_ in ids], ids, 100
    )
    assert batch.store_chunk(place, customer, name, table)


def name(ago):
    return batch.batch_name(NOW - timedelta(seconds=ago))


def test_the_first_batch_owns_an_id_for_its_customer_only(dedup):
    first, second = name(2), name(1)
    assert dedup.claim("acme", first, ["a", "b"], NOW) == [first, first]
    assert dedup.claim("acme", second, ["b", "c"], NOW) == [first, second]
    assert dedup.claim("plain", second, ["a"], NOW) == [second]


def test_only_ids_of_a_lost_batch_can_be_claimed_again(dedup):
    lost, stored, third = name(3), name(2), name(1)
    dedup.claim("acme", lost, ["a"], NOW)
    dedup.claim("acme", stored, ["b"], NOW)
    assert dedup.claim("acme", third, ["a", "b"], NOW, {lost}) == [third, stored]


def test_claims_that_redis_lost_are_restored_from_storage(dedup, place, board):
    old, recent, unstored, mine = name(25 * HOUR), name(2 * HOUR), name(60), name(0)
    store(place, old, "old")
    store(place, recent, "a", "b")
    store(place, recent, "a", customer="plain")
    batch.abandon_batch(place, "acme", unstored)
    board.redis.flushall()
    assert dedup.claim("acme", mine, ["a", "old", "new"], NOW) == [recent, mine, mine]
    assert dedup.claim("plain", mine, ["a"], NOW) == [recent]


def test_a_claim_expires_with_the_window(dedup, place, board):
    recent = name(2 * HOUR)
    store(place, recent, "a")
    dedup.claim("acme", name(0), ["b"], NOW)
    expiries = {
        key.decode().rsplit(":", 1)[-1]: board.redis.ttl(key)
        for key in board.redis.keys(f"{PREFIX}once:acme:*")
    }
    assert sorted(round(seconds / HOUR) for seconds in expiries.values()) == [22, 24]


def test_after_a_failover_only_batches_whose_claims_are_missing_are_read(dedup, place, board):
    complete, incomplete = name(60), name(50)
    for batch_, id_ in ((complete, "a"), (incomplete, "b")):
        dedup.claim("acme", batch_, [id_], NOW)
        store(place, batch_, id_)
    claims = board.redis.keys(f"{PREFIX}once:acme:*")
    lost = [key for key in claims if board.redis.get(key) == incomplete.encode()]
    assert board.redis.delete(*lost, board.key(keys.BATCH_CLAIMED, "acme", incomplete)) == 2
    board.redis.set(board.key(keys.DEDUP_COMPLETE), "the run before")
    place.remove(f"feedback/acme/{complete}/chunk-00000.parquet")  # it need not be read
    mine = name(0)
    assert dedup.claim("acme", mine, ["a", "b", "c"], NOW) == [complete, incomplete, mine]

"""Deduplication of messages: one batch owns each message id of a customer, for a time window.

A batch claims its ids in Redis before it is stored. Storage decides whether an owner was really
stored (intake.messages.batch); an id whose owner was abandoned may be claimed again. When
Redis has lost claims, they are restored from the stored batches. A server that was restarted, or
that took over from another, may lack the latest claims: it is checked for every batch of the
window, and only batches whose claims are missing are read.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

from intake.messages.batch import batch_time, read_batch
from storage.names import digest
from storage.places.concurrent import map_concurrently
from storage.places.place import Place
from storage.records.feedback import customers
from tasks.board import keys
from tasks.board.board import Board

_RESTORE_SECONDS = 600.0  # that restoring the claims from storage may take
_WAIT_SECONDS = 60.0  # that other processes wait for it

_CLAIM = """
-- Claim ids for the batch ARGV[1] for ARGV[2] seconds. KEYS[1] once:whole, KEYS[2]
-- claimed:<customer>:<batch>, then once:<customer>:<hash> of each id; from ARGV[4] on,
-- abandoned batches, which own nothing. ARGV[3] = 1: claim even if the server does not
-- hold all claims. Returns the owner of each id, or false.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if ARGV[3] == '0' and redis.call('GET', KEYS[1]) ~= server then return false end
local abandoned = {}
for at = 4, #ARGV do abandoned[ARGV[at]] = true end
local owners = {}
for at = 3, #KEYS do
  local owner = redis.call('GET', KEYS[at])
  if not owner or abandoned[owner] then
    owner = ARGV[1]
    redis.call('SET', KEYS[at], owner, 'EX', ARGV[2])
  end
  owners[at - 2] = owner
end
redis.call('SET', KEYS[2], 1, 'EX', ARGV[2])
return owners
"""


class MessageDedup:
    """The claims on message ids, each of which lasts `window` seconds."""

    def __init__(self, place: Place, board: Board, window: int) -> None:
        self._place, self._board, self._window = place, board, window
        self._script: Any = board.redis.register_script(_CLAIM)

    def claim(
        self,
        customer: str,
        batch: str,
        ids: Sequence[str],
        now: datetime,
        abandoned: Collection[str] = (),
    ) -> list[str]:
        """Claim the ids for a batch, and return the batch that owns each.

        That is this batch, unless another one that is not `abandoned` owned the id before.
        Raises RedisError, and what the place raises.
        """
        while (owners := self._claim(customer, batch, ids, self._window, abandoned)) is None:
            # One process restores the claims; one that waits longer than that releases its messages
            # (LockError is a RedisError).
            lock = self._board.redis.lock(
                self._board.key(keys.DEDUP_LOCK),
                timeout=_RESTORE_SECONDS,
                blocking_timeout=_WAIT_SECONDS,
            )
            with lock:
                complete = self._board.redis.get(self._board.key(keys.DEDUP_COMPLETE))
                if complete != self._server_run().encode():
                    self._restore_claims(now)
        return owners

    def confirm(self, customer: str, batch: str, ids: Sequence[str]) -> None:
        """Claim the ids of a stored batch again if Redis has lost its claims meanwhile.

        Raises RedisError.
        """
        if not self._board.redis.exists(self._batch_claimed(customer, batch)):
            self._claim(customer, batch, ids, self._window, restoring=True)

    def _restore_claims(self, now: datetime) -> None:
        """Claim the ids of every stored batch of the window, the oldest first, as they did."""
        server_run = self._server_run()  # before: a server that restarts meanwhile is checked again
        for customer in customers(self._place):
            recent = {
                name: seconds
                for name in self._place.names(f"feedback/{customer}")
                if (seconds := self._seconds_owned(name, now))
            }
            unclaimed = self._unclaimed(customer, list(recent))
            read = partial(read_batch, self._place, customer, columns=["id"])
            for name, chunk in zip(
                unclaimed, map_concurrently(self._place, read, unclaimed), strict=True
            ):
                if chunk is not None:
                    ids = chunk["id"].to_pylist()
                    self._claim(customer, name, ids, recent[name], restoring=True)
        self._board.redis.set(self._board.key(keys.DEDUP_COMPLETE), server_run)

    def _server_run(self) -> str:
        """Return the run id of the Redis server, another after each start."""
        return str(self._board.redis.info("server")["run_id"])

    def _unclaimed(self, customer: str, batches: Sequence[str]) -> list[str]:
        """Return the batches whose claims Redis does not hold."""
        if not batches:
            return []
        marks = self._board.redis.mget([self._batch_claimed(customer, batch) for batch in batches])
        return [batch for batch, mark in zip(batches, marks, strict=True) if mark is None]

    def _batch_claimed(self, customer: str, batch: str) -> str:
        return self._board.key(keys.BATCH_CLAIMED, customer, batch)

    def _seconds_owned(self, name: str, now: datetime) -> int:
        """Return for how long the batch of this name still owns its ids; 0 of other datasets."""
        at = batch_time(name)
        return 0 if at is None else max(0, int(self._window - (now - at).total_seconds()))

    def _claim(
        self,
        customer: str,
        batch: str,
        ids: Sequence[str],
        seconds: int,
        abandoned: Collection[str] = (),
        *,
        restoring: bool = False,
    ) -> list[str] | None:
        """Return the owner of each id; None where the server may not hold all claims."""
        claims = [self._board.key(keys.CLAIM, customer, digest(id_.encode())[:32]) for id_ in ids]
        owners = self._script(
            keys=[
                self._board.key(keys.DEDUP_COMPLETE),
                self._batch_claimed(customer, batch),
                *claims,
            ],
            args=[batch, seconds, int(restoring), *abandoned],
        )
        return None if owners is None else [owner.decode() for owner in cast("list[bytes]", owners)]

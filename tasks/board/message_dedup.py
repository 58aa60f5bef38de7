"""Which ids of messages were taken in already: one batch owns each id of a customer, for as long as
the window lasts.

An id is owned by the batch that claimed it first, before it is stored. Whether an owner was really
stored, storage says (intake.messages.batch); an id whose owner was given up for lost may be claimed
again. The claims lie in Redis, and what was stored can be claimed anew from storage when Redis has
forgotten it. A server that was started again, or that took over from another, may lack the last of
what was written: it is asked for every batch, and only what it lacks is read.

Keys, below the board's prefix:

    once:remembering           a lock: somebody makes the claims anew from storage
    once:whole                 the run of the server that has the claims of all that is stored within the window
    once:<customer>:<h>        the name of the batch that owns the id with this hash; runs out with the window
    claimed:<customer>:<batch> is there while the claims of this batch are; runs out with them
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

from intake.messages.batch import gathered_at, stored
from storage.names import digest
from storage.places.concurrent import side_by_side
from storage.places.place import Place
from storage.records.feedback import customers
from tasks.board.board import Board

_REMEMBERING = 600.0  # seconds that it may take to claim anew what storage has
_PATIENCE = 60.0  # seconds that others wait for that

_CLAIM = """
-- Claim ids for the batch ARGV[1] for ARGV[2] seconds. KEYS[1] once:whole, KEYS[2] claimed:<customer>:<batch>, then
-- once:<customer>:<h> of each id; from ARGV[4] on, batches that own nothing any more. ARGV[3] = 1: claim even if not
-- all claims are there. Returns the owner of each, or false.
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if ARGV[3] == '0' and redis.call('GET', KEYS[1]) ~= server then return false end
local lost = {}
for at = 4, #ARGV do lost[ARGV[at]] = true end
local owners = {}
for at = 3, #KEYS do
  local owner = redis.call('GET', KEYS[at])
  if not owner or lost[owner] then
    owner = ARGV[1]
    redis.call('SET', KEYS[at], owner, 'EX', ARGV[2])
  end
  owners[at - 2] = owner
end
redis.call('SET', KEYS[2], 1, 'EX', ARGV[2])
return owners
"""


class MessageDedup:
    """The claims on one board, each of which lasts `window` seconds."""

    def __init__(self, place: Place, board: Board, window: int) -> None:
        self._place, self._board, self._window = place, board, window
        self._script: Any = board.redis.register_script(_CLAIM)

    def claim(
        self,
        customer: str,
        batch: str,
        ids: Sequence[str],
        now: datetime,
        lost: Collection[str] = (),
    ) -> list[str]:
        """The batch that owns each id: this one, unless another did before that is not among the
        `lost`.

        Raises RedisError, and what the place raises.
        """
        while (owners := self._claim(customer, batch, ids, self._window, lost)) is None:
            remembering = self._board.key("once", "remembering")
            # One reads it all; whoever waits longer hands its messages back (LockError is a
            # RedisError).
            with self._board.redis.lock(
                remembering, timeout=_REMEMBERING, blocking_timeout=_PATIENCE
            ):
                if (
                    self._board.redis.get(self._board.key("once", "whole"))
                    != self._server().encode()
                ):
                    self._remember(now)
        return owners

    def confirm(self, customer: str, batch: str, ids: Sequence[str]) -> None:
        """The batch is stored, with these ids: claim them again should Redis have forgotten it
        meanwhile.

        Raises RedisError.
        """
        if not self._board.redis.exists(self._claimed(customer, batch)):
            self._claim(customer, batch, ids, self._window, remembering=True)

    def _remember(self, now: datetime) -> None:
        """Claim for every batch that is stored, and young enough, what it holds; the oldest first,
        as they did.
        """
        server = self._server()  # whatever another forgets in the meantime
        for customer in customers(self._place):
            recent = {
                name: left
                for name in self._place.names(f"feedback/{customer}")
                if (left := self._left(name, now))
            }
            forgotten = self._forgotten(customer, list(recent))
            read = partial(stored, self._place, customer, columns=["id"])
            for name, chunk in zip(
                forgotten, side_by_side(self._place, read, forgotten), strict=True
            ):
                if chunk is not None:
                    self._claim(
                        customer, name, chunk["id"].to_pylist(), recent[name], remembering=True
                    )
        self._board.redis.set(self._board.key("once", "whole"), server)

    def _server(self) -> str:
        """The run of the server, another after each start."""
        return str(self._board.redis.info("server")["run_id"])

    def _forgotten(self, customer: str, batches: Sequence[str]) -> list[str]:
        """Those whose claims are not there."""
        if not batches:
            return []
        there = self._board.redis.mget([self._claimed(customer, batch) for batch in batches])
        return [batch for batch, claimed in zip(batches, there, strict=True) if claimed is None]

    def _claimed(self, customer: str, batch: str) -> str:
        return self._board.key("claimed", customer, batch)

    def _left(self, name: str, now: datetime) -> int:
        """Seconds for which the batch of this name owns its ids; 0 also of a dataset that is none."""
        at = gathered_at(name)
        return 0 if at is None else max(0, int(self._window - (now - at).total_seconds()))

    def _claim(
        self,
        customer: str,
        batch: str,
        ids: Sequence[str],
        seconds: int,
        lost: Collection[str] = (),
        *,
        remembering: bool = False,
    ) -> list[str] | None:
        keys = [self._board.key("once", customer, digest(id_.encode())[:32]) for id_ in ids]
        found = self._script(
            keys=[self._board.key("once", "whole"), self._claimed(customer, batch), *keys],
            args=[batch, seconds, int(remembering), *lost],
        )
        return None if found is None else [owner.decode() for owner in cast("list[bytes]", found)]

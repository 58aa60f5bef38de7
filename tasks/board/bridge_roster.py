"""The bridges there are, as the board knows them, and what became of the messages.

Keys, below the board's prefix:

    bridge:<id>            hash: the fields of a Bridge; runs out after 30 s
    bridges                sorted set: bridge id → when it runs out
    arrivals               hash: outcome → messages, since the board was made
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import time
from typing import Any, Literal, cast, get_args

from tasks.board.board import Board

_SECONDS = 30

State = Literal["pulling", "waiting"]
Outcome = Literal["stored", "duplicate", "rejected", "handed back", "not acknowledged"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class Bridge:
    """One process that takes messages in."""

    id: str
    subscription: str
    state: State  # waiting: the stream has ended, and is opened again after a rest
    since: float  # when it came into this state, in seconds since 1970
    error: str  # why it waits, or why it could not store what it handed back last
    held: int  # messages in its hands


class Bridges:
    """Who is there; whoever is not heard of for 30 seconds is not."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def put(self, bridge: Bridge) -> None:
        """Note a bridge, new or changed."""
        key = self._board.key("bridge", bridge.id)
        pipe = self._board.redis.pipeline(transaction=True)
        fields: dict[Any, Any] = asdict(bridge)
        pipe.hset(key, mapping=fields)
        pipe.expire(key, _SECONDS)
        pipe.zadd(self._board.key("bridges"), {bridge.id: time() + _SECONDS})
        pipe.execute()

    def remove(self, bridge: str) -> None:
        """It has ended."""
        pipe = self._board.redis.pipeline(transaction=True)
        pipe.delete(self._board.key("bridge", bridge))
        pipe.zrem(self._board.key("bridges"), bridge)
        pipe.execute()

    def all(self) -> list[Bridge]:
        """Everyone, by id."""
        there = self._board.key("bridges")
        self._board.redis.zremrangebyscore(there, "-inf", time())
        pipe = self._board.redis.pipeline(transaction=False)
        for name in sorted(cast("list[bytes]", self._board.redis.zrange(there, 0, -1))):
            pipe.hgetall(self._board.key("bridge", name.decode()))
        return [_bridge(fields) for fields in pipe.execute() if fields]

    def jobs(self) -> int:
        """How many jobs go on."""
        return self._board.redis.hlen(self._board.key("running"))

    def count(self, outcomes: Mapping[Outcome, int]) -> None:
        """So many messages more came to these ends."""
        pipe = self._board.redis.pipeline(transaction=True)
        for outcome, messages in outcomes.items():
            pipe.hincrby(self._board.key("arrivals"), outcome, messages)
        pipe.execute()

    def outcomes(self) -> dict[Outcome, int]:
        """Messages by what became of them."""
        found = cast("dict[bytes, bytes]", self._board.redis.hgetall(self._board.key("arrivals")))
        return {outcome: int(found.get(outcome.encode(), 0)) for outcome in OUTCOMES}


@dataclass(frozen=True)
class Traffic:
    """Messages on their way in, and results on their way out."""

    bridges: Sequence[Bridge] = ()
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    unpublished: int = 0  # jobs whose labels count, and whose results are not all published


def traffic(board: Board) -> Traffic:
    """As the board has it now. Raises RedisError."""
    pipe = board.redis.pipeline(transaction=False)
    for job in board.running():
        pipe.hexists(board.key("job", job), "published")
    bridges = Bridges(board)
    return Traffic(bridges.all(), bridges.outcomes(), sum(map(int, pipe.execute())))


def _bridge(fields: dict[bytes, bytes]) -> Bridge:
    named: dict[str, Any] = {name.decode(): value.decode() for name, value in fields.items()}
    return Bridge(**named | {"since": float(named["since"]), "held": int(named["held"])})

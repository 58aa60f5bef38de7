"""The bridges that are alive, and how many messages came to which outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

from tasks.board import keys
from tasks.board.board import Board
from tasks.board.live_set import LiveSet

BridgeState = Literal["pulling", "waiting"]
Outcome = Literal["stored", "duplicate", "rejected", "handed back", "not acknowledged"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class Bridge:
    """One process that takes messages in."""

    id: str
    subscription: str
    state: BridgeState  # waiting: the stream has ended, and is opened again after a pause
    since: float  # when it came into this state, in seconds since 1970
    error: str  # why it waits, or why it could not store the messages it released last
    held: int  # messages that it has received and not acknowledged or released yet


class BridgeRoster:
    """The bridges that are alive, by the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._bridges = LiveSet(board, keys.BRIDGES, keys.BRIDGE)

    def put(self, bridge: Bridge) -> None:
        """Add a bridge, or update it and let it live for SESSION_SECONDS more."""
        pipe = self._board.redis.pipeline(transaction=True)
        self._bridges.put(pipe, bridge.id, asdict(bridge))
        pipe.execute()

    def remove(self, bridge: str) -> None:
        """Remove a bridge that has ended."""
        pipe = self._board.redis.pipeline(transaction=True)
        self._bridges.remove(bridge, pipe)
        pipe.execute()

    def all(self) -> list[Bridge]:
        """Return every bridge that is alive, by id."""
        return [_bridge(fields) for fields in self._bridges.records() if fields]

    def jobs(self) -> int:
        """Return how many jobs are running."""
        return self._board.redis.hlen(self._board.key(keys.RUNNING))

    def count(self, outcomes: Mapping[Outcome, int]) -> None:
        """Add these numbers of messages to the outcomes."""
        pipe = self._board.redis.pipeline(transaction=True)
        for outcome, messages in outcomes.items():
            pipe.hincrby(self._board.key(keys.ARRIVALS), outcome, messages)
        pipe.execute()

    def outcomes(self) -> dict[Outcome, int]:
        """Return outcome → messages, since the board was made."""
        counts = cast(
            "dict[bytes, bytes]", self._board.redis.hgetall(self._board.key(keys.ARRIVALS))
        )
        return {outcome: int(counts.get(outcome.encode(), 0)) for outcome in OUTCOMES}


@dataclass(frozen=True)
class MessageTraffic:
    """Messages on their way in, and results on their way out."""

    bridges: Sequence[Bridge] = ()
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    unpublished: int = 0  # jobs whose labels are active, and whose results are not all published


def message_traffic(board: Board) -> MessageTraffic:
    """Return the traffic as the board has it now. Raises RedisError."""
    pipe = board.redis.pipeline(transaction=False)
    for job in board.running():
        pipe.hexists(board.key(keys.JOB, job), "published")
    roster = BridgeRoster(board)
    return MessageTraffic(roster.all(), roster.outcomes(), sum(map(int, pipe.execute())))


def _bridge(fields: dict[str, str]) -> Bridge:
    values: dict[str, Any] = {**fields}
    return Bridge(**values | {"since": float(values["since"]), "held": int(values["held"])})

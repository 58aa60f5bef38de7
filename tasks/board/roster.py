"""The workers there are, on all machines, as the board knows them (its keys: tasks.board.leases)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from time import time
from typing import Any, Literal, cast

from redis.client import Pipeline

from tasks.board.board import Board

_SECONDS = 30  # that a worker which says nothing stays on the roster

State = Literal["starting", "idle", "busy", "stopping"]


@dataclass(frozen=True)
class Worker:
    """One process of a pool."""

    id: str
    model: str
    machine: str
    state: State
    since: float  # when it came into this state, in seconds since 1970
    started: float  # when its process was started
    memory: int  # bytes: measured, or expected while it starts
    threads: int
    device: str = "cpu"  # or cuda:0, cuda:1, …


class Roster:
    """Who is there; whoever is not heard of for 30 seconds is not."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def put(self, worker: Worker) -> None:
        """Note a worker, new or changed."""
        key, until = self._worker(worker.id), time() + _SECONDS
        pipe = self._board.redis.pipeline(transaction=True)
        fields: dict[Any, Any] = asdict(worker)
        pipe.hset(key, mapping=fields)
        pipe.expire(key, _SECONDS)
        pipe.zadd(self._board.key("roster"), {worker.id: until})
        pipe.zadd(self._board.key("roster", worker.model), {worker.id: until})
        pipe.execute()

    def change(self, worker: Worker | None, pipe: Pipeline) -> None:
        """Add to a pipeline what becomes another while a worker works; nothing for None."""
        if worker is not None:
            fields: dict[Any, Any] = {
                "state": worker.state,
                "since": worker.since,
                "memory": worker.memory,
            }
            pipe.hset(self._worker(worker.id), mapping=fields)

    def remove(self, workers: Iterable[str]) -> None:
        """These have ended."""
        for worker in workers:
            model = cast("bytes | None", self._board.redis.hget(self._worker(worker), "model"))
            pipe = self._board.redis.pipeline(transaction=True)
            pipe.delete(self._worker(worker))
            pipe.zrem(self._board.key("roster"), worker)
            if model is not None:
                pipe.zrem(self._board.key("roster", model.decode()), worker)
            pipe.execute()

    def get(self, worker: str) -> Worker | None:
        return _worker(cast("dict[bytes, bytes]", self._board.redis.hgetall(self._worker(worker))))

    def workers(self) -> list[Worker]:
        """Everyone, by id."""
        roster = self._board.key("roster")
        self._board.redis.zremrangebyscore(roster, "-inf", time())
        pipe = self._board.redis.pipeline(transaction=False)
        for worker in sorted(cast("list[bytes]", self._board.redis.zrange(roster, 0, -1))):
            pipe.hgetall(self._worker(worker.decode()))
        return [found for fields in pipe.execute() if (found := _worker(fields)) is not None]

    def announce(self, machine: str) -> None:
        """A machine whose pools follow demand is there, for as long as it says so."""
        self._board.redis.zadd(self._board.key("machines"), {machine: time() + _SECONDS})

    def withdraw(self, machine: str) -> None:
        self._board.redis.zrem(self._board.key("machines"), machine)

    def machines(self) -> list[str]:
        """Those whose pools follow demand."""
        key = self._board.key("machines")
        self._board.redis.zremrangebyscore(key, "-inf", time())
        return [name.decode() for name in cast("list[bytes]", self._board.redis.zrange(key, 0, -1))]

    def _worker(self, worker: str) -> str:
        return self._board.key("worker", worker)


def _worker(fields: dict[bytes, bytes]) -> Worker | None:
    """None where only a trace is left of it."""
    named: dict[str, Any] = {name.decode(): value.decode() for name, value in fields.items()}
    try:
        return Worker(
            **named
            | {name: float(named[name]) for name in ("since", "started")}
            | {name: int(named[name]) for name in ("memory", "threads")}
        )
    except (KeyError, TypeError):
        return None

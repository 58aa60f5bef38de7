"""The workers of all machines, each on the roster while its heartbeats come."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from time import time
from typing import Any, Literal

from redis.client import Pipeline

from tasks.board import keys
from tasks.board.board import Board
from tasks.board.keys import SESSION_SECONDS
from tasks.board.live_set import LiveSet

State = Literal["starting", "idle", "busy", "stopping"]


@dataclass(frozen=True)
class Worker:
    """One worker process."""

    id: str
    model: str  # empty: a control worker or a bridge
    machine: str
    state: State
    since: float  # when it came into this state, in seconds since 1970
    started: float  # when its process was started
    memory: int  # bytes: measured, or expected while it starts
    threads: int
    device: str = "cpu"  # or cuda:0, cuda:1, …


class Roster:
    """The workers and machines that are alive, by the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._workers = LiveSet(board, keys.ROSTER, keys.WORKER)
        self._machines = LiveSet(board, keys.MACHINES)

    def put(self, worker: Worker) -> None:
        """Add a worker, or update it and let it live for SESSION_SECONDS more."""
        pipe = self._board.redis.pipeline(transaction=True)
        self._workers.put(pipe, worker.id, asdict(worker))
        pipe.zadd(self._of_model(worker.model), {worker.id: time() + SESSION_SECONDS})
        pipe.execute()

    def change(self, worker: Worker | None, pipe: Pipeline) -> None:
        """Add to a pipeline the fields that change while a worker works; nothing for None."""
        if worker is not None:
            fields: dict[Any, Any] = {
                "state": worker.state,
                "since": worker.since,
                "memory": worker.memory,
            }
            pipe.hset(self._workers.record_key(worker.id), mapping=fields)

    def remove(self, workers: Iterable[str]) -> None:
        """Remove workers that have ended."""
        for worker in workers:
            model = self._workers.read(worker).get("model")
            pipe = self._board.redis.pipeline(transaction=True)
            self._workers.remove(worker, pipe)
            if model is not None:
                pipe.zrem(self._of_model(model), worker)
            pipe.execute()

    def get(self, worker: str) -> Worker | None:
        """Return a worker; None where it is not on the roster."""
        return _worker(self._workers.read(worker))

    def workers(self) -> list[Worker]:
        """Return every worker that is alive, by id."""
        workers = map(_worker, self._workers.records())
        return [worker for worker in workers if worker is not None]

    def announce(self, machine: str) -> None:
        """Note that this machine's pools follow demand, for SESSION_SECONDS."""
        self._machines.renew(machine)

    def withdraw(self, machine: str) -> None:
        """Note that this machine's pools no longer follow demand."""
        self._machines.remove(machine)

    def machines(self) -> list[str]:
        """Return the machines whose pools follow demand, sorted."""
        return self._machines.members()

    def _of_model(self, model: str) -> str:
        return self._board.key(keys.ROSTER_OF_MODEL, model)


def _worker(fields: dict[str, str]) -> Worker | None:
    """Return the worker in a record; None where the record is gone or incomplete."""
    values: dict[str, Any] = {**fields}
    try:
        return Worker(
            **values
            | {name: float(values[name]) for name in ("since", "started")}
            | {name: int(values[name]) for name in ("memory", "threads")}
        )
    except (KeyError, TypeError):
        return None

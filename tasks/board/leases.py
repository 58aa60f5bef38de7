"""This process on the roster, and the leases of what it works on: both run out unless it refreshes
them.

Keys, below the board's prefix:

    lease:<step>           the id of the process that works on this step; runs out after 30 s, or when it is due
    worker:<id>            hash: the fields of a Worker; runs out after 30 s
    roster                 sorted set: worker id → when it runs out
    roster:<m>             the same, of the workers of model m
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from threading import Event, Lock, Thread
from time import time

from redis.exceptions import RedisError

from tasks.board.board import Board, FirstScores
from tasks.board.roster import Roster, State, Worker

LEASE_SECONDS = 30
_BEAT_SECONDS = 5.0

log = logging.getLogger(__name__)

_RELEASE = """
-- Let go of the lease KEYS[1] if ARGV[1] still holds it.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class WorkerSession:
    """One worker process, from its start to its end."""

    def __init__(self, board: Board, worker: Worker) -> None:
        self._board, self._worker = board, worker
        self._roster = Roster(board)
        self._held: dict[str, float] = {}  # lease → since when
        self._last_step = time()
        self._loading = self._loaded = worker.started
        self._lock = Lock()

    @property
    def worker(self) -> Worker:
        return self._worker

    @contextmanager
    def lease(self, step: str) -> Iterator[bool]:
        """Hold the lease of a step while the block lasts; False if another process holds it. Raises
        RedisError.
        """
        key = lease_key(self._board, step)
        if self._holds(key):  # another thread of this process is at it
            yield False
            return
        changed = self._note(key, taken=True)
        # the roster hears of it on the way: a feedback that somebody waits for pays for one
        # command, not for two
        try:
            pipe = self._board.redis.pipeline(transaction=False)
            pipe.set(key, self._worker.id, nx=True, ex=LEASE_SECONDS)
            self._roster.change(changed, pipe)
            mine = bool(pipe.execute()[0])
        except RedisError:
            self._note(key, taken=False)
            raise
        try:
            yield mine
        finally:
            changed = self._note(key, taken=False)
            pipe = self._board.redis.pipeline(transaction=False)
            if mine:
                pipe.eval(_RELEASE, 1, key, self._worker.id)
            self._roster.change(changed, pipe)
            pipe.execute()

    def defer(self, step: str, seconds: float) -> None:
        """Nobody takes the step, or finds that it is on nobody's way, until so many seconds are
        over.
        """
        self._board.redis.set(
            lease_key(self._board, step), self._worker.id, nx=True, px=int(seconds * 1000)
        )

    def ready(self, began: float, ended: float, memory: int) -> None:
        """The model was loaded between these times, in seconds since 1970, and the process takes so
        much memory now.
        """
        with self._lock:
            self._loading, self._loaded = began, ended
            changed = self._become("busy" if self._held else "idle", memory)
        self._tell(changed)

    def first_scores(self, taken: float) -> FirstScores:
        """The way to scores that are stored now, of a cell that was taken then."""
        return FirstScores(self._worker.started, self._loading, self._loaded, taken, time())

    def disable_timeout(self, step: str) -> None:
        """This step takes as long as it takes: it has limits of its own."""
        with self._lock:
            self._held[lease_key(self._board, step)] = inf

    def start_heartbeat(self, watch: Callable[[], None] | None = None) -> None:
        """Refresh everything, again and again, in a thread of its own; `watch` looks after each."""
        Thread(target=self._beat, args=(watch,), name="beat", daemon=True).start()

    def held_longest(self, now: float) -> float:
        """Seconds that the oldest lease was held."""
        with self._lock:
            return now - min(self._held.values(), default=now)

    @property
    def busy(self) -> bool:
        """Whether it works on anything."""
        with self._lock:
            return bool(self._held)

    @property
    def last_step(self) -> float:
        """When a step was last taken or let go, in seconds since 1970."""
        with self._lock:
            return self._last_step

    def leave(self) -> None:
        """Off the roster: this process ends."""
        with suppress(RedisError):  # then it runs out there
            self._roster.remove([self._worker.id])

    def _beat(self, watch: Callable[[], None] | None) -> None:
        pause = Event()
        while True:
            try:
                self.renew_leases()
            except RedisError:
                log.warning("the broker is away: nobody hears of this worker for a moment")
            if watch is not None:
                watch()
            pause.wait(_BEAT_SECONDS)

    def renew_leases(self) -> None:
        """One beat: the roster and every lease last for as long again. Raises RedisError."""
        with self._lock:
            worker, held = self._worker, list(self._held)
        self._roster.put(worker)
        pipe = self._board.redis.pipeline(transaction=False)
        for key in held:
            pipe.set(key, worker.id, ex=LEASE_SECONDS)
        pipe.execute()
        with self._lock:
            let_go = [key for key in held if key not in self._held]
        for key in let_go:  # in the meantime: the lease must not come back
            self._board.redis.eval(_RELEASE, 1, key, worker.id)

    def _holds(self, key: str) -> bool:
        with self._lock:
            return key in self._held

    def _note(self, key: str, *, taken: bool) -> Worker | None:
        """A lease was taken or let go; what the roster has to be told, None if it is as before."""
        with self._lock:
            self._last_step = time()
            if taken:
                self._held[key] = self._last_step
            else:
                self._held.pop(key, None)
            if not self._worker.model or self._worker.state == "starting":  # of these nobody asks
                return None
            return self._become("busy" if self._held else "idle", self._worker.memory)

    def _become(self, state: State, memory: int) -> Worker | None:
        """What the roster has to be told; None if it is as before."""
        if (state, memory) == (self._worker.state, self._worker.memory):
            return None
        since = self._worker.since if state == self._worker.state else time()
        self._worker = replace(self._worker, state=state, since=since, memory=memory)
        return self._worker

    def _tell(self, changed: Worker | None) -> None:
        if changed is not None:
            with suppress(RedisError):  # the next beat tells it again
                self._roster.put(changed)


def release_all(board: Board, holders: Collection[str]) -> None:
    """Let go of every lease of processes that have ended: what they had in work can be asked for
    again.
    """
    wanted = {holder.encode() for holder in holders}
    leases = list(board.redis.scan_iter(board.key("lease", "*"), count=1000))
    for lease, holder in zip(leases, board.redis.mget(leases) if leases else [], strict=True):
        if holder in wanted:
            board.redis.delete(lease)


def lease_key(board: Board, step: str) -> str:
    return board.key("lease", step)


def leased(board: Board, steps: list[str]) -> list[bool]:
    """Which of these steps somebody works on."""
    if not steps:
        return []
    return [
        holder is not None
        for holder in board.redis.mget([lease_key(board, step) for step in steps])
    ]

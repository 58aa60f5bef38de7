"""Leases: a worker's claims on steps, renewed with its roster entry by every heartbeat.

A lease expires SESSION_SECONDS after the last heartbeat of its worker: then the reconciler queues
the step again.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from threading import Event, Lock, Thread
from time import time

from redis.exceptions import RedisError

from tasks.board import keys
from tasks.board.board import Board
from tasks.board.job_facts import FirstScores
from tasks.board.keys import SESSION_SECONDS
from tasks.board.roster import Roster, State, Worker

_HEARTBEAT_SECONDS = 5.0

log = logging.getLogger(__name__)

_RELEASE = """
-- Delete the lease KEYS[1] if the worker ARGV[1] still holds it.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class WorkerSession:
    """One worker process from its start to its end: its roster entry, its leases, its heartbeat."""

    def __init__(self, board: Board, worker: Worker) -> None:
        self._board, self._worker = board, worker
        self._roster = Roster(board)
        self._held: dict[str, float] = {}  # lease → when it was taken, in seconds since 1970
        self._last_step = time()
        self._loading = self._loaded = worker.started
        self._lock = Lock()

    @property
    def worker(self) -> Worker:
        """Roster entry of this process."""
        return self._worker

    @contextmanager
    def lease(self, step: str) -> Iterator[bool]:
        """Hold the lease of a step while the block lasts; yield False if it is held already.

        Raises RedisError.
        """
        key = self._lease(step)
        if self._is_held(key):  # another thread of this process works on it
            yield False
            return
        changed = self._track(key, taken=True)
        # One request for the lease and the roster entry: a live feedback waits for one round trip.
        try:
            pipe = self._board.redis.pipeline(transaction=False)
            pipe.set(key, self._worker.id, nx=True, ex=SESSION_SECONDS)
            self._roster.change(changed, pipe)
            leased = bool(pipe.execute()[0])
        except RedisError:
            self._track(key, taken=False)
            raise
        try:
            yield leased
        finally:
            changed = self._track(key, taken=False)
            pipe = self._board.redis.pipeline(transaction=False)
            if leased:
                pipe.eval(_RELEASE, 1, key, self._worker.id)
            self._roster.change(changed, pipe)
            pipe.execute()

    def defer(self, step: str, seconds: float) -> None:
        """Lease the step for so many seconds without working on it, so that it runs again later."""
        self._board.redis.set(self._lease(step), self._worker.id, nx=True, px=int(seconds * 1000))

    def mark_loaded(self, loading: float, loaded: float, memory: int) -> None:
        """Note that the model was loaded between these times, in seconds since 1970.

        `memory`: bytes that the process takes now.
        """
        with self._lock:
            self._loading, self._loaded = loading, loaded
            changed = self._change_state("busy" if self._held else "idle", memory)
        self._write_entry(changed)

    def first_scores(self, taken: float) -> FirstScores:
        """Return the times on the way to scores that are stored now; `taken`: from the queue."""
        return FirstScores(self._worker.started, self._loading, self._loaded, taken, time())

    def disable_timeout(self, step: str) -> None:
        """Exempt this step from the watchdog's limit: it has time limits of its own."""
        with self._lock:
            self._held[self._lease(step)] = inf

    def start_heartbeat(self, watch: Callable[[], None] | None = None) -> None:
        """Renew the roster entry and all leases every few seconds, in a thread of its own.

        `watch` is called after each heartbeat.
        """
        Thread(target=self._beat, args=(watch,), name="heartbeat", daemon=True).start()

    def held_longest(self, now: float) -> float:
        """Return the seconds since the oldest lease was taken; `now`: in seconds since 1970."""
        with self._lock:
            return now - min(self._held.values(), default=now)

    @property
    def busy(self) -> bool:
        """Whether it holds a lease."""
        with self._lock:
            return bool(self._held)

    @property
    def last_step(self) -> float:
        """Time at which a lease was last taken or released, in seconds since 1970."""
        with self._lock:
            return self._last_step

    def leave(self) -> None:
        """Remove this process from the roster."""
        with suppress(RedisError):  # then the entry expires
            self._roster.remove([self._worker.id])

    def _beat(self, watch: Callable[[], None] | None) -> None:
        pause = Event()
        while True:
            try:
                self.renew_leases()
            except RedisError:
                log.warning("the broker does not answer: the next heartbeat renews the leases")
            if watch is not None:
                watch()
            pause.wait(_HEARTBEAT_SECONDS)

    def renew_leases(self) -> None:
        """Renew the roster entry and every lease once (a heartbeat). Raises RedisError."""
        with self._lock:
            worker, held = self._worker, list(self._held)
        self._roster.put(worker)
        pipe = self._board.redis.pipeline(transaction=False)
        for key in held:
            pipe.set(key, worker.id, ex=SESSION_SECONDS)
        pipe.execute()
        with self._lock:
            released = [key for key in held if key not in self._held]
        for key in released:  # while this ran: the lease must not come back
            self._board.redis.eval(_RELEASE, 1, key, worker.id)

    def _is_held(self, key: str) -> bool:
        with self._lock:
            return key in self._held

    def _lease(self, step: str) -> str:
        return self._board.key(keys.LEASE, step)

    def _track(self, key: str, *, taken: bool) -> Worker | None:
        """Note that a lease was taken or released; return the changed roster entry, if it did."""
        with self._lock:
            self._last_step = time()
            if taken:
                self._held[key] = self._last_step
            else:
                self._held.pop(key, None)
            # A control worker has no state; one that is still loading its model stays "starting".
            if not self._worker.model or self._worker.state == "starting":
                return None
            return self._change_state("busy" if self._held else "idle", self._worker.memory)

    def _change_state(self, state: State, memory: int) -> Worker | None:
        """Return the changed roster entry; None if it is as before."""
        if (state, memory) == (self._worker.state, self._worker.memory):
            return None
        since = self._worker.since if state == self._worker.state else time()
        self._worker = replace(self._worker, state=state, since=since, memory=memory)
        return self._worker

    def _write_entry(self, changed: Worker | None) -> None:
        if changed is not None:
            with suppress(RedisError):  # the next heartbeat writes it again
                self._roster.put(changed)


def release_all(board: Board, holders: Collection[str]) -> None:
    """Delete every lease of workers that have ended, so that their steps are queued again."""
    holder_ids = {holder.encode() for holder in holders}
    leases = list(board.redis.scan_iter(board.key(keys.LEASE, "*"), count=1000))
    for lease, holder in zip(leases, board.redis.mget(leases) if leases else [], strict=True):
        if holder in holder_ids:
            board.redis.delete(lease)


def leased_steps(board: Board, steps: Collection[str]) -> set[str]:
    """Return those of the steps that a worker holds a lease of, or that were deferred."""
    ordered = list(steps)
    if not ordered:
        return set()
    holders = board.redis.mget([board.key(keys.LEASE, step) for step in ordered])
    return {step for step, holder in zip(ordered, holders, strict=True) if holder is not None}

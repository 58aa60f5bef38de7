"""Simulates queues and workers event by event, and whatever decides how many workers there are.

A worker is one core. It takes one cell after the other, the urgent first, the jobs of a class in
turn. Not simulated: machines (there is one, large enough), intake and ensemble, failures, and cores
that share caches and memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import Protocol

import numpy as np

from simulation.company import Job
from simulation.queues import CELL, Part, Pool, Process


@dataclass
class Result:
    """What it took, and how long it took."""

    worker_hours: float = 0.0
    memory_hours: float = 0.0  # GB h
    starts: int = 0
    repeated: int = 0  # cells that were begun and had to be begun again
    peak: int = 0  # cores at work at once
    # seconds, rows, class of each job
    waits: list[tuple[float, int, int]] = field(default_factory=list)
    unfinished: int = 0
    # hour, workers and GB on average
    hours: list[tuple[float, float, float]] = field(default_factory=list)

    def wait(
        self, classes: Iterable[int] = (0, 1), *, by_rows: bool = False, share: float = 0.95
    ) -> float:
        """The percentile of seconds from a job's arrival to its last score; those not done count as
        well.
        """
        chosen = set(classes)
        found = np.array(
            [(wait, rows) for wait, rows, urgency in self.waits if urgency in chosen], dtype=float
        )
        if not len(found):
            return 0.0
        found = found[np.argsort(found[:, 0])]
        weights = np.cumsum(found[:, 1] if by_rows else np.ones(len(found)))
        return float(found[np.searchsorted(weights, share * weights[-1]), 0])


class Policy(Protocol):
    """Who decides."""

    def pool(self, model: str) -> tuple[str, float, float, float]:
        """The queue for what is asked of the model, the rate a core, GB and start of a worker of
        that queue.
        """

    def decide(self, simulation: "Simulation") -> float:
        """Start and stop workers; when to ask again, at the latest."""

    def hurry(self) -> float | None:
        """Seconds from a job's arrival to the next decision, if that does not wait for its time."""


class Simulation:
    """One history."""

    def __init__(self, jobs: Sequence[Job], policy: Policy, end: float) -> None:
        self.now, self.end = 0.0, end
        self.result, self.pools, self.alive = Result(), dict[str, Pool](), dict[int, Process]()
        self.active: dict[str, Pool] = {}  # those with rows or workers
        self._policy, self._jobs = policy, jobs
        self._ids, self._order = count(), count()
        self._events: list[tuple[float, int, str, object]] = []
        self._decision = 0.0  # when the next is due
        self._open: dict[int, Job] = {}
        self._at_work = 0
        self._looks: list[tuple[int, float]] = []

    def run(self) -> Result:
        self._at(0.0, "decide", None)
        self._at(0.0, "look", None)
        arrivals = iter(self._jobs)
        if first := next(arrivals, None):
            self._at(first.at, "arrive", first)
        while self._events:
            at, _, what, which = heappop(self._events)
            if at > self.end:
                break
            self.now = at
            if what == "done":
                self._done(which)  # type: ignore[arg-type]
            elif what == "arrive":
                self._arrive(which)  # type: ignore[arg-type]
                if following := next(arrivals, None):
                    self._at(following.at, "arrive", following)
            elif what == "up":
                self._up(which)  # type: ignore[arg-type]
            elif what == "look":
                self._look()
            elif at == self._decision:
                self._decide()
        return self._finish()

    def pool(self, model: str) -> tuple[Pool, float]:
        name, rate, memory, start_seconds = self._policy.pool(model)
        if name not in self.pools:
            self.pools[name] = Pool(name, memory, start_seconds)
        return self.pools[name], rate

    def start(self, pool: Pool, *, counted: bool = True) -> Process:
        process = Process(
            next(self._ids), pool, self.now, since=self.now, memory=pool.memory, counted=self.now
        )
        self.alive[process.id] = process
        pool.workers.append(process)
        self.active[pool.name] = pool
        self.result.starts += counted
        self._at(self.now + pool.start_seconds, "up", process)
        return process

    def stop(self, process: Process) -> None:
        """At once: what it has in work goes back to the front of the queue."""
        pool = process.pool
        if process.cell:
            part, rows = process.cell
            if not part.left:
                pool.queues[part.job.urgency].appendleft(part)
            part.left += rows
            pool.cells += 1
            pool.busy_seconds += self.now - process.since
            process.cell = None
            self._at_work -= 1
            self.result.repeated += 1
        if process in pool.idle:
            pool.idle.remove(process)
        process.state = "gone"
        pool.workers.remove(process)
        del self.alive[process.id]
        self._count(process)
        self._rest(pool)

    def resize(self, process: Process, memory: float) -> None:
        self._count(process)
        process.memory = memory

    def feed(self, pool: Pool) -> None:
        """Cells for those who have none."""
        while pool.idle and pool.cells and not pool.held:
            process = pool.idle.pop()
            queue = next(queue for queue in pool.queues if queue)
            part = queue.popleft()
            rows = min(CELL, part.left)
            part.left -= rows
            if part.left:
                queue.append(part)
            pool.cells -= 1
            self._at_work += 1
            self.result.peak = max(self.result.peak, self._at_work)
            process.state, process.since, process.cell = "busy", self.now, (part, rows)
            self._at(self.now + rows / part.rate, "done", (process, process.cell))

    def _arrive(self, job: Job) -> None:
        job.left = job.rows * len(job.models)
        self._open[id(job)] = job
        for name in job.models:
            pool, rate = self.pool(name)
            if not any(pool.rows):
                pool.oldest = self.now
            pool.rows[job.urgency] += job.rows
            pool.queues[job.urgency].append(Part(job, job.rows, rate))
            pool.cells += ceil(job.rows / CELL)
            self.active[pool.name] = pool
            self.feed(pool)
        hurry = self._policy.hurry()
        if hurry is not None and self.now + hurry < self._decision:
            self._decide_at(self.now + hurry)

    def _done(self, ended: tuple[Process, tuple[Part, int]]) -> None:
        process, cell = ended
        if process.cell is not cell:
            return  # it was stopped meanwhile
        (part, rows), pool = cell, process.pool
        pool.rows[part.job.urgency] -= rows
        pool.served = self.now
        pool.busy_seconds += self.now - process.since
        part.job.left -= rows
        if not part.job.left:
            job = self._open.pop(id(part.job))
            self.result.waits.append((self.now - job.at, job.rows, job.urgency))
        process.cell = None
        self._at_work -= 1
        self._rests(process)

    def _up(self, process: Process) -> None:
        if process.state == "starting":
            self._rests(process)

    def _rests(self, process: Process) -> None:
        process.state, process.since = "idle", self.now
        if process.leaving:
            self.stop(process)
            return
        process.pool.idle.append(process)
        self.feed(process.pool)

    def _look(self) -> None:
        """Every five minutes: how many workers there are, and what they take. Means by the hour go
        into the result.
        """
        self._looks.append(
            (len(self.alive), sum(process.memory for process in self.alive.values()))
        )
        if len(self._looks) == 12:
            workers, memory = np.mean(self._looks, axis=0)
            self.result.hours.append((self.now // 3600, float(workers), float(memory)))
            self._looks.clear()
        self._at(self.now + 300, "look", None)

    def _decide(self) -> None:
        self._decide_at(self._policy.decide(self))

    def _decide_at(self, at: float) -> None:
        self._decision = at
        self._at(at, "decide", None)

    def _rest(self, pool: Pool) -> None:
        if not pool.workers and not any(pool.rows):
            self.active.pop(pool.name, None)

    def _at(self, at: float, what: str, which: object) -> None:
        heappush(self._events, (at, next(self._order), what, which))

    def _count(self, process: Process) -> None:
        hours = (self.now - process.counted) / 3600
        process.counted = self.now
        self.result.worker_hours += hours
        self.result.memory_hours += hours * process.memory

    def _finish(self) -> Result:
        self.now = self.end
        for process in self.alive.values():
            self._count(process)
        self.result.unfinished = len(self._open)
        self.result.waits += [
            (self.now - job.at, job.rows, job.urgency) for job in self._open.values()
        ]
        return self.result

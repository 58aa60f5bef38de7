"""An event-driven simulation of queues and workers under a scaling policy.

A worker is one core. It takes one cell after the other: the most urgent class first, the jobs of a
class in turn. Not simulated: machines (there is one, large enough), intake and ensemble, failures,
and cores that share caches and memory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import Protocol

import numpy as np

from simulation.company import SimulatedJob
from simulation.queues import CELL, QueuedJob, SimulatedPool, SimulatedWorker


@dataclass
class Result:
    """What a policy cost, and how long the jobs waited."""

    worker_hours: float = 0.0
    memory_hours: float = 0.0  # GB h
    starts: int = 0
    repeated: int = 0  # cells that were interrupted and scored again
    peak: int = 0  # most workers that scored at once
    # seconds, rows, class of each job
    waits: list[tuple[float, int, int]] = field(default_factory=list)
    unfinished: int = 0
    # hour, workers and GB on average
    hours: list[tuple[float, float, float]] = field(default_factory=list)

    def wait(
        self, classes: Iterable[int] = (0, 1), *, by_rows: bool = False, share: float = 0.95
    ) -> float:
        """Return a percentile of the seconds from a job's arrival to its last score.

        Jobs that are not done count with what they have waited so far.
        """
        chosen = set(classes)
        waits = np.array(
            [(wait, rows) for wait, rows, urgency in self.waits if urgency in chosen], dtype=float
        )
        if not len(waits):
            return 0.0
        waits = waits[np.argsort(waits[:, 0])]
        weights = np.cumsum(waits[:, 1] if by_rows else np.ones(len(waits)))
        return float(waits[np.searchsorted(weights, share * weights[-1]), 0])


class ScalingPolicy(Protocol):
    """A rule that decides how many workers run."""

    def pool_figures(self, model: str) -> tuple[str, float, float, float]:
        """Return the model's queue, its rate a core, and a worker's GB and start-up seconds."""

    def decide(self, simulation: "Simulation") -> float:
        """Start and stop workers; return the latest time of the next decision."""

    def decision_delay(self) -> float | None:
        """Return the seconds from a job's arrival to the next decision.

        None: decisions keep to their own times.
        """


class Simulation:
    """One simulated history under one policy."""

    def __init__(self, jobs: Sequence[SimulatedJob], policy: ScalingPolicy, end: float) -> None:
        self.now, self.end = 0.0, end
        self.result, self.pools, self.alive = (
            Result(),
            dict[str, SimulatedPool](),
            dict[int, SimulatedWorker](),
        )
        self.active: dict[str, SimulatedPool] = {}  # those with rows or workers
        self._policy, self._jobs = policy, jobs
        self._ids, self._order = count(), count()
        self._events: list[tuple[float, int, str, object]] = []
        self._decision = 0.0  # when the next is due
        self._unfinished_jobs: dict[int, SimulatedJob] = {}
        self._busy_workers = 0
        self._samples: list[tuple[int, float]] = []

    def run(self) -> Result:
        self._schedule(0.0, "decide", None)
        self._schedule(0.0, "look", None)
        arrivals = iter(self._jobs)
        if first := next(arrivals, None):
            self._schedule(first.at, "arrive", first)
        while self._events:
            at, _, event, subject = heappop(self._events)
            if at > self.end:
                break
            self.now = at
            if event == "done":
                self._cell_scored(subject)  # type: ignore[arg-type]
            elif event == "arrive":
                self._job_arrived(subject)  # type: ignore[arg-type]
                if following := next(arrivals, None):
                    self._schedule(following.at, "arrive", following)
            elif event == "up":
                self._worker_ready(subject)  # type: ignore[arg-type]
            elif event == "look":
                self._take_sample()
            elif at == self._decision:
                self._decide()
        return self._finish()

    def pool(self, model: str) -> tuple[SimulatedPool, float]:
        name, rate, memory, start_seconds = self._policy.pool_figures(model)
        if name not in self.pools:
            self.pools[name] = SimulatedPool(name, memory, start_seconds)
        return self.pools[name], rate

    def start(self, pool: SimulatedPool, *, counted: bool = True) -> SimulatedWorker:
        worker = SimulatedWorker(
            next(self._ids), pool, self.now, since=self.now, memory=pool.memory, counted=self.now
        )
        self.alive[worker.id] = worker
        pool.workers.append(worker)
        self.active[pool.name] = pool
        self.result.starts += counted
        self._schedule(self.now + pool.start_seconds, "up", worker)
        return worker

    def stop(self, worker: SimulatedWorker) -> None:
        """Stop a worker at once. The cell that it scores goes back to the front of the queue."""
        pool = worker.pool
        if worker.cell:
            queued, rows = worker.cell
            if not queued.rows:
                pool.queues[queued.job.urgency].appendleft(queued)
            queued.rows += rows
            pool.cells += 1
            pool.busy_seconds += self.now - worker.since
            worker.cell = None
            self._busy_workers -= 1
            self.result.repeated += 1
        if worker in pool.idle:
            pool.idle.remove(worker)
        worker.state = "gone"
        pool.workers.remove(worker)
        del self.alive[worker.id]
        self._add_cost(worker)
        self._deactivate_if_empty(pool)

    def resize(self, worker: SimulatedWorker, memory: float) -> None:
        self._add_cost(worker)
        worker.memory = memory

    def dispatch(self, pool: SimulatedPool) -> None:
        """Give cells to idle workers."""
        while pool.idle and pool.cells and not pool.paused:
            worker = pool.idle.pop()
            queue = next(queue for queue in pool.queues if queue)
            queued = queue.popleft()
            rows = min(CELL, queued.rows)
            queued.rows -= rows
            if queued.rows:
                queue.append(queued)
            pool.cells -= 1
            self._busy_workers += 1
            self.result.peak = max(self.result.peak, self._busy_workers)
            worker.state, worker.since, worker.cell = "busy", self.now, (queued, rows)
            self._schedule(self.now + rows / queued.rate, "done", (worker, worker.cell))

    def _job_arrived(self, job: SimulatedJob) -> None:
        job.remaining_rows = job.rows * len(job.models)
        self._unfinished_jobs[id(job)] = job
        for name in job.models:
            pool, rate = self.pool(name)
            if not any(pool.rows):
                pool.oldest = self.now
            pool.rows[job.urgency] += job.rows
            pool.queues[job.urgency].append(QueuedJob(job, job.rows, rate))
            pool.cells += ceil(job.rows / CELL)
            self.active[pool.name] = pool
            self.dispatch(pool)
        decision_delay = self._policy.decision_delay()
        if decision_delay is not None and self.now + decision_delay < self._decision:
            self._decide_at(self.now + decision_delay)

    def _cell_scored(self, ended: tuple[SimulatedWorker, tuple[QueuedJob, int]]) -> None:
        worker, cell = ended
        if worker.cell is not cell:
            return  # it was stopped meanwhile
        (queued, rows), pool = cell, worker.pool
        pool.rows[queued.job.urgency] -= rows
        pool.served = self.now
        pool.busy_seconds += self.now - worker.since
        queued.job.remaining_rows -= rows
        if not queued.job.remaining_rows:
            job = self._unfinished_jobs.pop(id(queued.job))
            self.result.waits.append((self.now - job.at, job.rows, job.urgency))
        worker.cell = None
        self._busy_workers -= 1
        self._become_idle(worker)

    def _worker_ready(self, worker: SimulatedWorker) -> None:
        if worker.state == "starting":
            self._become_idle(worker)

    def _become_idle(self, worker: SimulatedWorker) -> None:
        worker.state, worker.since = "idle", self.now
        if worker.stopping:
            self.stop(worker)
            return
        worker.pool.idle.append(worker)
        self.dispatch(worker.pool)

    def _take_sample(self) -> None:
        """Record the workers and their memory every five minutes; their means go to the result
        hourly.
        """
        self._samples.append(
            (len(self.alive), sum(worker.memory for worker in self.alive.values()))
        )
        if len(self._samples) == 12:
            workers, memory = np.mean(self._samples, axis=0)
            self.result.hours.append((self.now // 3600, float(workers), float(memory)))
            self._samples.clear()
        self._schedule(self.now + 300, "look", None)

    def _decide(self) -> None:
        self._decide_at(self._policy.decide(self))

    def _decide_at(self, at: float) -> None:
        self._decision = at
        self._schedule(at, "decide", None)

    def _deactivate_if_empty(self, pool: SimulatedPool) -> None:
        if not pool.workers and not any(pool.rows):
            self.active.pop(pool.name, None)

    def _schedule(self, at: float, event: str, subject: object) -> None:
        heappush(self._events, (at, next(self._order), event, subject))

    def _add_cost(self, worker: SimulatedWorker) -> None:
        hours = (self.now - worker.counted) / 3600
        worker.counted = self.now
        self.result.worker_hours += hours
        self.result.memory_hours += hours * worker.memory

    def _finish(self) -> Result:
        self.now = self.end
        for worker in self.alive.values():
            self._add_cost(worker)
        self.result.unfinished = len(self._unfinished_jobs)
        self.result.waits += [
            (self.now - job.at, job.rows, job.urgency) for job in self._unfinished_jobs.values()
        ]
        return self.result

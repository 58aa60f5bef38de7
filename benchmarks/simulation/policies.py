"""Four ways to decide how many workers there are, for the simulation: ours, and what people use
instead.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from math import ceil

from simulation.company import HOUR, SHARED, Company, model
from simulation.event_loop import Simulation
from simulation.queues import Pool, Process
from tasks.board.roster import State, Worker
from tasks.planning.demand import Demand
from workers.autoscaling.actions import PauseDispatch, StartWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import scale

GB = 10**9
# seconds between decisions when nothing arrives: the service decides each half second, with little
# to do
EVERY = 10.0
CORES = 512  # that nobody gets more of


class Chorus:
    """`workers.autoscaling.policy`, half a second after each arrival and every so many seconds
    besides.
    """

    def __init__(self, limits: Limits | None = None, memory: float = 1000.0) -> None:
        self._limits = limits or Limits()
        self._budget = Budget("one", cores=CORES, memory=int(memory * GB))

    def pool(self, name: str) -> tuple[str, float, float, float]:
        found = model(name)
        return name, found.rate, found.memory, found.start_seconds

    def hurry(self) -> float:
        return 0.5

    def decide(self, simulation: Simulation) -> float:
        now, active = simulation.now, simulation.active
        demand = [_demand(pool) for pool in active.values() if any(pool.rows)]
        workers = [_worker(process) for process in simulation.alive.values()]
        actions = scale(demand, workers, lambda _: self._limits, self._budget, now)
        held = {action.model for action in actions if isinstance(action, PauseDispatch)}
        for action in actions:
            if isinstance(action, StartWorker):
                simulation.start(active[action.model])
            elif not isinstance(action, PauseDispatch):
                simulation.stop(simulation.alive[int(action.worker)])
        for pool in list(active.values()):
            if pool.held != (pool.name in held):
                pool.held = pool.name in held
                simulation.feed(pool)
        waiting = any(not pool.workers for pool in active.values())
        return now + (1.0 if waiting else EVERY)


def _demand(pool: Pool) -> Demand:
    urgent, bulk, nightly = pool.rows
    found = model(pool.name)
    memory = int(found.memory * GB)
    return Demand(
        pool.name,
        urgent,
        bulk,
        nightly,
        pool.oldest,
        None,
        found.rate,
        found.start_seconds,
        memory,
        pool.served,
    )


def _worker(process: Process) -> Worker:
    seen = process.seen
    if not isinstance(seen, Worker) or (seen.state, seen.since) != (process.state, process.since):
        name, memory = process.pool.name, int(process.pool.memory * GB)
        state: State = process.state  # type: ignore[assignment]
        seen = Worker(
            str(process.id), name, "one", state, process.since, process.started, memory, threads=1
        )
        process.seen = seen
    return seen


class AlwaysOn:
    """A number of workers a model that never changes; of a custom model, from the day its customer
    comes.
    """

    def __init__(self, company: Company, workers: Mapping[str, int]) -> None:
        self._company, self._workers = company, workers
        self._there = 0

    def pool(self, name: str) -> tuple[str, float, float, float]:
        found = model(name)
        return name, found.rate, found.memory, found.start_seconds

    def hurry(self) -> None:
        return None

    def decide(self, simulation: Simulation) -> float:
        new = [
            self._company.own_model(n)
            for n in range(self._there, self._company.customers(simulation.now))
        ]
        for name in new if self._there else [*SHARED, *new]:
            for _ in range(self._workers.get(name, 1)):
                simulation.start(simulation.pool(name)[0])
        self._there += len(new)
        return simulation.now + HOUR


class _Autoscaler:
    """What the horizontal pod autoscaler of Kubernetes does with what a metric asks for, with its
    default settings.
    """

    every = 15.0

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque()

    def __call__(self, now: float, current: int, wanted: int, most: int) -> int:
        """How many there shall be: up at once, to twice as many or four more; down to the most of
        five minutes.
        """
        self._recent.append((now, wanted))
        while self._recent[0][0] < now - 300:
            self._recent.popleft()
        steady = max(number for _, number in self._recent)
        if wanted > current:
            return min(wanted, max(2 * current, current + 4), most)
        return max(1, min(current, steady))


class QueueLength:
    """KEDA on the length of the queue: so many messages a worker, without those in work; to zero
    after five minutes.

    It stops the youngest workers, whatever they are doing.
    """

    def __init__(self, messages: int = 5) -> None:
        self._messages = messages
        self._scalers: dict[str, _Autoscaler] = defaultdict(_Autoscaler)
        self._last: dict[str, float] = {}  # when the queue was last seen with something in it
        self._polls = 0

    def pool(self, name: str) -> tuple[str, float, float, float]:
        found = model(name)
        return name, found.rate, found.memory, found.start_seconds

    def hurry(self) -> None:
        return None

    def decide(self, simulation: Simulation) -> float:
        self._polls += 1
        for pool in list(simulation.active.values()):
            if pool.cells:
                self._last[pool.name] = simulation.now
            if not pool.workers:
                # asked every 30 seconds
                if pool.cells and self._polls % 2 == 0 and len(simulation.alive) < CORES:
                    simulation.start(pool)
                continue
            if simulation.now - self._last.get(pool.name, 0.0) > 300:
                wanted = 0
                self._scalers.pop(pool.name, None)
            else:
                asked = ceil(pool.cells / self._messages)
                wanted = self._scalers[pool.name](simulation.now, len(pool.workers), asked, CORES)
            for _ in range(min(wanted - len(pool.workers), CORES - len(simulation.alive))):
                simulation.start(pool)
            for process in pool.workers[wanted:]:
                simulation.stop(process)
        return simulation.now + _Autoscaler.every


class Everywhere:
    """Every model in every instance of so many cores; more instances when these are busier than the
    target.
    """

    def __init__(self, company: Company, cores: int = 16, target: float = 0.6) -> None:
        self._company, self._cores, self._target = company, cores, target
        self._instances: list[list[Process]] = []
        self._scaler = _Autoscaler()
        self._seen = 0.0

    def pool(self, name: str) -> tuple[str, float, float, float]:
        return "everything", model(name).rate, 0.0, 0.0

    def hurry(self) -> None:
        return None

    def decide(self, simulation: Simulation) -> float:
        pool, _ = simulation.pool("everything")
        models = [model(name) for name in SHARED]
        custom, number = model(self._company.own_model(0)), self._company.customers(simulation.now)
        pool.start_seconds = (
            1.7 + sum(each.load_seconds for each in models) + number * custom.load_seconds
        )
        memory = 0.24 + sum(each.further for each in models) + number * custom.further
        if pool.memory != memory / self._cores:
            pool.memory = memory / self._cores
            for process in pool.workers:
                simulation.resize(process, pool.memory)
        ready = [instance for instance in self._instances if instance[0].state != "starting"]
        busy = pool.busy_seconds + sum(simulation.now - p.since for p in pool.workers if p.cell)
        if ready:
            used = (busy - self._seen) / (_Autoscaler.every * self._cores * len(ready))
            # those that start count as idle
            used *= len(ready) / len(self._instances) if used > self._target else 1.0
            wanted = (
                len(self._instances) if abs(used / self._target - 1) <= 0.1 else self._wanted(used)
            )
            shall = self._scaler(simulation.now, len(self._instances), wanted, CORES // self._cores)
        else:
            shall = max(1, len(self._instances))
        self._seen = busy
        for _ in range(shall - len(self._instances)):
            self._instances.append(
                [simulation.start(pool, counted=not core) for core in range(self._cores)]
            )
        while len(self._instances) > shall:
            for process in self._instances.pop():
                process.leaving = True
                if not process.cell:
                    simulation.stop(process)
        return simulation.now + _Autoscaler.every

    def _wanted(self, used: float) -> int:
        return ceil(len(self._instances) * used / self._target)

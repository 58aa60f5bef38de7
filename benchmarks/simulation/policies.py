"""Four scaling policies for the simulation: Chorus, and three that are common elsewhere."""

from collections import defaultdict, deque
from collections.abc import Mapping
from math import ceil

from simulation.company import HOUR, SHARED, Company, model_figures
from simulation.event_loop import Simulation
from simulation.queues import SimulatedPool, SimulatedWorker
from tasks.board.roster import State, Worker
from tasks.planning.demand import Demand
from workers.autoscaling.actions import PauseDispatch, StartWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import scale

GB = 10**9
# seconds between decisions when nothing arrives: the service decides each half second, with little
# to do
DECISION_SECONDS = 10.0
CORES = 512  # at most, under every policy


class ChorusPolicy:
    """`workers.autoscaling.policy`, half a second after each arrival and every ten seconds."""

    def __init__(self, limits: Limits | None = None, memory: float = 1000.0) -> None:
        self._limits = limits or Limits()
        self._budget = Budget("one", cores=CORES, memory=int(memory * GB))

    def pool_figures(self, name: str) -> tuple[str, float, float, float]:
        figures = model_figures(name)
        return name, figures.rate, figures.memory, figures.start_seconds

    def decision_delay(self) -> float:
        return 0.5

    def decide(self, simulation: Simulation) -> float:
        now, active = simulation.now, simulation.active
        demand = [_demand(pool) for pool in active.values() if any(pool.rows)]
        workers = [_worker(worker_process) for worker_process in simulation.alive.values()]
        actions = scale(demand, workers, lambda _: self._limits, self._budget, now)
        paused = {action.model for action in actions if isinstance(action, PauseDispatch)}
        for action in actions:
            if isinstance(action, StartWorker):
                simulation.start(active[action.model])
            elif not isinstance(action, PauseDispatch):
                simulation.stop(simulation.alive[int(action.worker)])
        for pool in list(active.values()):
            if pool.paused != (pool.name in paused):
                pool.paused = pool.name in paused
                simulation.dispatch(pool)
        waiting = any(not pool.workers for pool in active.values())
        return now + (1.0 if waiting else DECISION_SECONDS)


def _demand(pool: SimulatedPool) -> Demand:
    urgent, bulk, nightly = pool.rows
    figures = model_figures(pool.name)
    memory = int(figures.memory * GB)
    return Demand(
        pool.name,
        urgent,
        bulk,
        nightly,
        pool.oldest,
        None,
        figures.rate,
        figures.start_seconds,
        memory,
        pool.served,
    )


def _worker(worker_process: SimulatedWorker) -> Worker:
    worker = worker_process.policy_data
    if not isinstance(worker, Worker) or (worker.state, worker.since) != (
        worker_process.state,
        worker_process.since,
    ):
        name, memory = worker_process.pool.name, int(worker_process.pool.memory * GB)
        state: State = worker_process.state  # type: ignore[assignment]
        worker = Worker(
            str(worker_process.id),
            name,
            "one",
            state,
            worker_process.since,
            worker_process.started,
            memory,
            threads=1,
        )
        worker_process.policy_data = worker
    return worker


class AlwaysOnPolicy:
    """A fixed number of workers for each model; a custom model's start when its customer comes."""

    def __init__(self, company: Company, workers: Mapping[str, int]) -> None:
        self._company, self._workers = company, workers
        self._started_customers = 0

    def pool_figures(self, name: str) -> tuple[str, float, float, float]:
        figures = model_figures(name)
        return name, figures.rate, figures.memory, figures.start_seconds

    def decision_delay(self) -> None:
        return None

    def decide(self, simulation: Simulation) -> float:
        new = [
            self._company.custom_model(n)
            for n in range(self._started_customers, self._company.customers(simulation.now))
        ]
        for name in new if self._started_customers else [*SHARED, *new]:
            for _ in range(self._workers.get(name, 1)):
                simulation.start(simulation.pool(name)[0])
        self._started_customers += len(new)
        return simulation.now + HOUR


class HorizontalPodAutoscaler:
    """The horizontal pod autoscaler of Kubernetes, with its default settings."""

    interval = 15.0

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int]] = deque()

    def __call__(self, now: float, current: int, desired: int, largest: int) -> int:
        """Return the new number of replicas.

        It rises at once, to twice as many or four more; it falls to the most of the last five
        minutes.
        """
        self._recent.append((now, desired))
        while self._recent[0][0] < now - 300:
            self._recent.popleft()
        steady = max(number for _, number in self._recent)
        if desired > current:
            return min(desired, max(2 * current, current + 4), largest)
        return max(1, min(current, steady))


class QueueLengthPolicy:
    """KEDA on the length of the queue, without messages in work; to zero after five minutes.

    It stops the newest workers, also while they score.
    """

    def __init__(self, messages: int = 5) -> None:
        self._messages = messages
        self._scalers: dict[str, HorizontalPodAutoscaler] = defaultdict(HorizontalPodAutoscaler)
        self._last: dict[str, float] = {}  # when the queue last had a cell
        self._polls = 0

    def pool_figures(self, name: str) -> tuple[str, float, float, float]:
        figures = model_figures(name)
        return name, figures.rate, figures.memory, figures.start_seconds

    def decision_delay(self) -> None:
        return None

    def decide(self, simulation: Simulation) -> float:
        self._polls += 1
        for pool in list(simulation.active.values()):
            if pool.cells:
                self._last[pool.name] = simulation.now
            if not pool.workers:
                # KEDA polls every 30 seconds
                if pool.cells and self._polls % 2 == 0 and len(simulation.alive) < CORES:
                    simulation.start(pool)
                continue
            if simulation.now - self._last.get(pool.name, 0.0) > 300:
                desired = 0
                self._scalers.pop(pool.name, None)
            else:
                required = ceil(pool.cells / self._messages)
                desired = self._scalers[pool.name](
                    simulation.now, len(pool.workers), required, CORES
                )
            for _ in range(min(desired - len(pool.workers), CORES - len(simulation.alive))):
                simulation.start(pool)
            for worker_process in pool.workers[desired:]:
                simulation.stop(worker_process)
        return simulation.now + HorizontalPodAutoscaler.interval


class EverywherePolicy:
    """Every model in every instance; more instances when their cores are busier than the target."""

    def __init__(self, company: Company, cores: int = 16, target: float = 0.6) -> None:
        self._company, self._cores, self._target = company, cores, target
        self._instances: list[list[SimulatedWorker]] = []
        self._scaler = HorizontalPodAutoscaler()
        self._busy_seconds = 0.0

    def pool_figures(self, name: str) -> tuple[str, float, float, float]:
        return "everything", model_figures(name).rate, 0.0, 0.0

    def decision_delay(self) -> None:
        return None

    def decide(self, simulation: Simulation) -> float:
        pool, _ = simulation.pool("everything")
        models = [model_figures(name) for name in SHARED]
        custom, number = (
            model_figures(self._company.custom_model(0)),
            self._company.customers(simulation.now),
        )
        pool.start_seconds = (
            1.7 + sum(each.load_seconds for each in models) + number * custom.load_seconds
        )
        memory = 0.24 + sum(each.added_memory for each in models) + number * custom.added_memory
        if pool.memory != memory / self._cores:
            pool.memory = memory / self._cores
            for worker_process in pool.workers:
                simulation.resize(worker_process, pool.memory)
        ready = [instance for instance in self._instances if instance[0].state != "starting"]
        busy = pool.busy_seconds + sum(simulation.now - p.since for p in pool.workers if p.cell)
        if ready:
            used = (busy - self._busy_seconds) / (
                HorizontalPodAutoscaler.interval * self._cores * len(ready)
            )
            # starting instances count as idle
            used *= len(ready) / len(self._instances) if used > self._target else 1.0
            desired = (
                len(self._instances)
                if abs(used / self._target - 1) <= 0.1
                else self._instances_for(used)
            )
            target_instances = self._scaler(
                simulation.now, len(self._instances), desired, CORES // self._cores
            )
        else:
            target_instances = max(1, len(self._instances))
        self._busy_seconds = busy
        for _ in range(target_instances - len(self._instances)):
            self._instances.append(
                [simulation.start(pool, counted=not core) for core in range(self._cores)]
            )
        while len(self._instances) > target_instances:
            for worker_process in self._instances.pop():
                worker_process.stopping = True
                if not worker_process.cell:
                    simulation.stop(worker_process)
        return simulation.now + HorizontalPodAutoscaler.interval

    def _instances_for(self, used: float) -> int:
        return ceil(len(self._instances) * used / self._target)

"""The scaling policy: demand, workers, limits and a machine's budget in, actions out. Pure.

docs/autoscaling.md explains it, decision 10 gives the reasons. In short:

1. Workers that are not needed stop: the last one of a model when it has been idle for `keep_warm`,
others sooner.

2. A model with rows and no worker gets one. Those that waited longest are first, urgent ones with a
head start. The worker needs memory, and a GPU if it uses one. If there is no room, idle workers
stop; if that is not enough, dispatch is paused for models that are being served, so that they take
turns with those that wait.

3. A model below `min` gets a worker, at the expense of idle ones only.

4. The cores and memory that are left go to backlogs, those with the fewest workers first.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heapify, heappop, heappush

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.capacity import Capacity, Need, make_room
from workers.autoscaling.limits import Limits
from workers.autoscaling.model_workload import HEAD_START, ModelWorkload

# seconds that a model has a worker at least, before it is held for another of its class
TURN_SECONDS = 60.0
HANGING_SECONDS = (
    60.0  # seconds, and five usual starts, after which one that still starts is not waited for
)
# seconds that an idle worker stays where there is another: longer than from cell to cell
SPARE_SECONDS = 15.0


@dataclass(frozen=True)
class Budget:
    """The cores, memory and GPUs that the workers of one machine share."""

    # workers of other machines count between min and max, and take nothing of this budget
    machine: str
    cores: int
    memory: int  # bytes
    gpus: tuple[str, ...] = ()  # cuda:0, cuda:1, …


@dataclass(frozen=True)
class StartWorker:
    """Start a worker of this model on this machine."""

    model: str
    threads: int
    device: str = "cpu"


@dataclass(frozen=True)
class StopWorker:
    """Stop this worker, which is idle and on this machine."""

    worker: str


@dataclass(frozen=True)
class PauseDispatch:
    """Pause dispatch of this model for a moment.

    Its workers become idle and can make room.
    """

    model: str


Action = StartWorker | StopWorker | PauseDispatch


def scale(
    demand: Sequence[Demand],
    pools: Sequence[Worker],
    limits: Callable[[str], Limits],
    budget: Budget,
    now: float,
) -> list[Action]:
    """Return the actions for the machine of `budget`, while no other machine decides.

    `demand` has every model with rows, and every model with a `min`. A limit of device "auto" means
    a GPU where the budget has any; the caller makes it "cpu" for a kind of model that cannot use
    one.
    """
    workers: dict[str, list[Worker]] = defaultdict(list)
    for worker in pools:
        workers[worker.model].append(worker)
    asked = {each.model: each for each in demand}
    models = [
        ModelWorkload(name, asked.get(name), workers[name], limits(name), now)
        for name in {**asked, **workers}
    ]
    machine = _Machine({model.name: model for model in models}, pools, budget, now)
    machine.stop_unused()
    machine.start_first()
    machine.start_more()
    return machine.actions


class _Machine:
    """One machine, and what is left of its budget while one action after the other is decided."""

    def __init__(
        self, models: dict[str, ModelWorkload], pools: Sequence[Worker], budget: Budget, now: float
    ) -> None:
        self._models, self._budget, self._now = models, budget, now
        self.actions: list[Action] = []
        here = [worker for worker in pools if worker.machine == budget.machine]
        self._room = self._capacity_beside(here)  # now
        # And when those have gone that are going, and those have come that wait for it:
        self._later = self._capacity_beside(
            [worker for worker in here if worker.state != "stopping"]
        )
        # the others take memory, and no core
        moving = [worker for worker in here if not self._hangs(worker)]
        self._starts = budget.cores - sum(worker.state == "starting" for worker in moving)
        self._cores = budget.cores - sum(
            worker.threads
            for worker in moving
            if worker.state != "idle" or models[worker.model].rows
        )

    def stop_unused(self) -> None:
        """Stop the last idle worker of a model after `keep_warm`, and spare ones sooner."""
        for model in self._models.values():
            warm = model.limits.keep_warm
            for keep, seconds in (
                (max(model.needed, 1), min(SPARE_SECONDS, warm)),
                (model.needed, warm),
            ):
                if model.missing <= 0 and len(model.staying) > keep:
                    unused = [
                        worker
                        for worker in self._idle(model)
                        if self._now - worker.since >= seconds
                    ]
                    for worker in model.stoppable(unused, keep):
                        self._stop(worker)

    def start_first(self) -> None:
        """Start a worker for each model that wants one and has none.

        Where there is no room, capacity is reserved for it.
        """
        empty = [
            model for model in self._models.values() if model.missing > 0 and not model.staying
        ]
        for model in sorted(empty, key=lambda model: (model.turn, model.name)):
            need = self._need(model)
            if not self._start(model, need) and self._largest.fitting_device(need):
                if not self._later.fitting_device(need):
                    self._make_room(model, need)
                if model.rows:
                    self._reserve_later(need)

    def start_more(self) -> None:
        """Start further workers, one by one. Each needs cores that no other worker computes on."""
        held = {action.model for action in self.actions if isinstance(action, PauseDispatch)}
        started = {action.model for action in self.actions if isinstance(action, StartWorker)}
        queue = [
            (model.urgency, len(model.staying) or 1, model.turn, model.name)
            for model in self._models.values()
            if model.missing > 0
            and model.name not in held
            and (model.staying or model.name in started)
        ]
        heapify(queue)
        while queue and self._starts > 0 and self._cores > 0:
            urgency, count, turn, name = heappop(queue)
            model = self._models[name]
            if (
                self._threads(model) <= self._cores
                and self._start(model, self._need(model))
                and model.missing
            ):
                heappush(queue, (urgency, count + 1, turn, name))

    def _make_room(self, model: ModelWorkload, need: Need) -> None:
        """Stop the workers whose end makes enough room, once all are idle.

        Until then pause the dispatch of their models.
        """
        unused = [
            w
            for each in self._models.values()
            for w in each.stoppable(self._idle(each), keep=each.needed)
        ]
        unused.sort(key=lambda worker: (self._models[worker.model].rows > 0, worker.since))
        others = unused + [worker for worker in self._replaceable(model) if worker not in unused]
        going = [
            others[place] for place in make_room(need, self._later, [self._used(w) for w in others])
        ]
        if all(worker.state == "idle" for worker in going):
            for worker in going:
                self._stop(worker)
            return
        for worker in going:
            self._free(worker)
            if worker not in unused and PauseDispatch(worker.model) not in self.actions:
                self.actions.append(PauseDispatch(worker.model))

    def _replaceable(self, waiting: ModelWorkload) -> list[Worker]:
        """Return workers that may have to stop though their models have rows.

        The least urgent models come first, then those that were served longest.
        """
        found: list[tuple[int, float, list[Worker]]] = []
        for model in self._models.values() if waiting.rows else ():
            here = [worker for worker in self._here(model) if worker.state in ("idle", "busy")]
            if not here:
                continue
            first = min(worker.started for worker in here)
            turn, start_seconds = (
                model.turn,
                [each.demand.start_seconds for each in (model, waiting) if each.demand],
            )
            if over := self._now - first >= max(TURN_SECONDS, 5 * max(start_seconds)):
                turn = max(turn, self._now + HEAD_START[model.urgency])
            if turn > waiting.turn and (over or model.urgency > waiting.urgency):
                found.append((-model.urgency, first, model.stoppable(here, keep=model.limits.min)))
        return [
            worker for *_, workers in sorted(found, key=lambda each: each[:2]) for worker in workers
        ]

    def _start(self, model: ModelWorkload, need: Need) -> bool:
        device = self._room.fitting_device(need)
        if device is None or self._starts <= 0:
            return False
        self.actions.append(StartWorker(model.name, self._threads(model), device))
        self._take(replace(need, device=device))
        self._starts -= 1
        self._cores -= self._threads(model)
        model.missing -= 1
        return True

    def _stop(self, worker: Worker) -> None:
        self.actions.append(StopWorker(worker.id))
        self._free(worker)
        if not self._models[worker.model].rows:
            self._cores -= worker.threads  # until it has gone

    def _free(self, worker: Worker) -> None:
        self._models[worker.model].staying.remove(worker)
        self._later = self._later.release(self._used(worker))

    def _reserve_later(self, need: Need) -> None:
        """Reserve capacity for a model that waits, so that smaller models do not take it."""
        self._take(
            replace(
                need, device=self._later.fitting_device(need) or self._later.freest_device(need)
            )
        )

    def _take(self, need: Need) -> None:
        self._room, self._later = self._room.reserve(need), self._later.reserve(need)

    def _hangs(self, worker: Worker) -> bool:
        """Return whether the worker should have started long ago; others then start without it."""
        demand = self._models[worker.model].demand
        patience = max(HANGING_SECONDS, 5 * demand.start_seconds if demand else 0.0)
        return worker.state == "starting" and self._now - worker.started > patience

    def _here(self, model: ModelWorkload) -> list[Worker]:
        return [worker for worker in model.staying if worker.machine == self._budget.machine]

    def _idle(self, model: ModelWorkload) -> list[Worker]:
        return [worker for worker in self._here(model) if worker.state == "idle"]

    def _threads(self, model: ModelWorkload) -> int:
        return min(model.limits.threads or 1, self._budget.cores)

    def _need(self, model: ModelWorkload) -> Need:
        """Return what a new worker of the model needs on this machine."""
        device = model.limits.device
        if device == "auto":
            device = "cuda" if self._budget.gpus else "cpu"
        memory = model.limits.planned_memory(model.demand.memory if model.demand else 0)
        return Need(memory, device, 0.0 if device == "cpu" else model.limits.gpu)

    def _used(self, worker: Worker) -> Need:
        """Return what a present worker uses."""
        return Need(worker.memory, worker.device, self._models[worker.model].limits.gpu)

    @cached_property
    def _largest(self) -> Capacity:
        """Capacity if every worker stopped that may stop.

        A model that needs more cannot run here, and does not wait here.
        """
        warm = []
        for model in self._models.values():
            warm += self._here(model)[max(0, len(model.staying) - model.limits.min) :]
        return self._capacity_beside(warm)

    def _capacity_beside(self, workers: Sequence[Worker]) -> Capacity:
        gpus = dict.fromkeys(self._budget.gpus, 1.0)
        for worker in workers:
            if worker.device in gpus:
                gpus[worker.device] -= self._models[worker.model].limits.gpu
        return Capacity(self._budget.memory - sum(worker.memory for worker in workers), gpus)

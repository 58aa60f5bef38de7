"""How many workers should each model have? Demand, pools, limits and budget in, actions out. Pure.

The policy in short; docs/autoscaling.md has it in plain words, decision 10 the reasons.

1. Workers that are not needed are stopped: the last of a model when it has idled for `keep_warm`,
   others sooner.
2. A model with rows and no worker gets one; first those that waited longest, the urgent with a head
   start. It needs memory, and a GPU if it uses one. If there is no room, idle workers make it; if
   these are not enough, models that are being served are held, and so take turns with those that
   wait.
3. A model below `min` gets a worker, at the expense of idle ones only.
4. What is left of cores and memory goes to backlogs, where there are the fewest workers first.
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
TURN = 60.0
HANGS = 60.0  # seconds, and five usual starts, after which one that still starts is not waited for
# seconds that an idle worker stays where there is another: longer than from cell to cell
ONE_MORE = 15.0


@dataclass(frozen=True)
class Budget:
    """What the workers of one machine may take together."""

    # workers of other machines count between min and max, and take nothing of this budget
    machine: str
    cores: int
    memory: int  # bytes
    gpus: tuple[str, ...] = ()  # cuda:0, cuda:1, …


@dataclass(frozen=True)
class Start:
    """Start a worker of this model on this machine."""

    model: str
    threads: int
    device: str = "cpu"


@dataclass(frozen=True)
class Stop:
    """Stop this worker, which is idle and on this machine."""

    worker: str


@dataclass(frozen=True)
class Hold:
    """Ask nothing new of this model for a moment, so that its workers fall idle and can make room
    for another.
    """

    model: str


Action = Start | Stop | Hold


def scale(
    demand: Sequence[Demand],
    pools: Sequence[Worker],
    limits: Callable[[str], Limits],
    budget: Budget,
    now: float,
) -> list[Action]:
    """What to do on the machine of `budget`, while no other machine decides.

    `demand` has every model with rows, and every model with a `min`. A limit of device "auto" means
    a GPU where the budget has any; the caller makes it "cpu" for a kind of model that has no use
    for one.
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
        self._room = self._left_by(here)  # now
        # And when those have gone that are going, and those have come that wait for it:
        self._later = self._left_by([worker for worker in here if worker.state != "stopping"])
        # the others take memory, and no core
        moving = [worker for worker in here if not self._hangs(worker)]
        self._starts = budget.cores - sum(worker.state == "starting" for worker in moving)
        self._cores = budget.cores - sum(
            worker.threads
            for worker in moving
            if worker.state != "idle" or models[worker.model].rows
        )

    def stop_unused(self) -> None:
        """The last idle worker of a model stays for `keep_warm`; one more saves little, and goes
        sooner.
        """
        for model in self._models.values():
            warm = model.limits.keep_warm
            for keep, seconds in (
                (max(model.needed, 1), min(ONE_MORE, warm)),
                (model.needed, warm),
            ):
                if model.missing <= 0 and len(model.staying) > keep:
                    unused = [
                        worker
                        for worker in self._idle(model)
                        if self._now - worker.since >= seconds
                    ]
                    for worker in model.may_go(unused, keep):
                        self._stop(worker)

    def start_first(self) -> None:
        """A worker for each model that wants one and has none. What finds no room has it set aside
        for it.
        """
        empty = [
            model for model in self._models.values() if model.missing > 0 and not model.staying
        ]
        for model in sorted(empty, key=lambda model: (model.turn, model.name)):
            need = self._need(model)
            if not self._start(model, need) and self._most.device(need):
                if not self._later.device(need):
                    self._make_way(model, need)
                if model.rows:
                    self._set_aside(need)

    def start_more(self) -> None:
        """Further workers, one by one. Each needs cores that no other worker computes on."""
        held = {action.model for action in self.actions if isinstance(action, Hold)}
        started = {action.model for action in self.actions if isinstance(action, Start)}
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

    def _make_way(self, model: ModelWorkload, need: Need) -> None:
        """Stop those whose end makes enough room, once all of them are idle; until then hold their
        models.
        """
        unused = [
            w
            for each in self._models.values()
            for w in each.may_go(self._idle(each), keep=each.needed)
        ]
        unused.sort(key=lambda worker: (self._models[worker.model].rows > 0, worker.since))
        others = unused + [worker for worker in self._turns_over(model) if worker not in unused]
        going = [
            others[place]
            for place in make_room(need, self._later, [self._taken(w) for w in others])
        ]
        if all(worker.state == "idle" for worker in going):
            for worker in going:
                self._stop(worker)
            return
        for worker in going:
            self._leaves(worker)
            if worker not in unused and Hold(worker.model) not in self.actions:
                self.actions.append(Hold(worker.model))

    def _turns_over(self, waiting: ModelWorkload) -> list[Worker]:
        """Workers that may have to go though their models have rows: the least urgent, then the
        longest served.
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
            if over := self._now - first >= max(TURN, 5 * max(start_seconds)):
                turn = max(turn, self._now + HEAD_START[model.urgency])
            if turn > waiting.turn and (over or model.urgency > waiting.urgency):
                found.append((-model.urgency, first, model.may_go(here, keep=model.limits.min)))
        return [
            worker for *_, workers in sorted(found, key=lambda each: each[:2]) for worker in workers
        ]

    def _start(self, model: ModelWorkload, need: Need) -> bool:
        device = self._room.device(need)
        if device is None or self._starts <= 0:
            return False
        self.actions.append(Start(model.name, self._threads(model), device))
        self._take(replace(need, device=device))
        self._starts -= 1
        self._cores -= self._threads(model)
        model.missing -= 1
        return True

    def _stop(self, worker: Worker) -> None:
        self.actions.append(Stop(worker.id))
        self._leaves(worker)
        if not self._models[worker.model].rows:
            self._cores -= worker.threads  # until it has gone

    def _leaves(self, worker: Worker) -> None:
        self._models[worker.model].staying.remove(worker)
        self._later = self._later.release(self._taken(worker))

    def _set_aside(self, need: Need) -> None:
        """From now on nobody else gets what this one waits for, however little others need."""
        self._take(replace(need, device=self._later.device(need) or self._later.widest(need)))

    def _take(self, need: Need) -> None:
        self._room, self._later = self._room.reserve(need), self._later.reserve(need)

    def _hangs(self, worker: Worker) -> bool:
        """It should have been up long ago; the starts of others do not wait for it."""
        demand = self._models[worker.model].demand
        patience = max(HANGS, 5 * demand.start_seconds if demand else 0.0)
        return worker.state == "starting" and self._now - worker.started > patience

    def _here(self, model: ModelWorkload) -> list[Worker]:
        return [worker for worker in model.staying if worker.machine == self._budget.machine]

    def _idle(self, model: ModelWorkload) -> list[Worker]:
        return [worker for worker in self._here(model) if worker.state == "idle"]

    def _threads(self, model: ModelWorkload) -> int:
        return min(model.limits.threads or 1, self._budget.cores)

    def _need(self, model: ModelWorkload) -> Need:
        """What a new worker of the model takes on this machine."""
        device = model.limits.device
        if device == "auto":
            device = "cuda" if self._budget.gpus else "cpu"
        memory = model.limits.counts_with(model.demand.memory if model.demand else 0)
        return Need(memory, device, 0.0 if device == "cpu" else model.limits.gpu)

    def _taken(self, worker: Worker) -> Need:
        """What a worker that is there takes."""
        return Need(worker.memory, worker.device, self._models[worker.model].limits.gpu)

    @cached_property
    def _most(self) -> Capacity:
        """What there would be if everybody went who may. What needs more cannot run here, and does
        not wait here.
        """
        warm = []
        for model in self._models.values():
            warm += self._here(model)[max(0, len(model.staying) - model.limits.min) :]
        return self._left_by(warm)

    def _left_by(self, workers: Sequence[Worker]) -> Capacity:
        gpus = dict.fromkeys(self._budget.gpus, 1.0)
        for worker in workers:
            if worker.device in gpus:
                gpus[worker.device] -= self._models[worker.model].limits.gpu
        return Capacity(self._budget.memory - sum(worker.memory for worker in workers), gpus)

"""A simulation for tests of `scale`: rows arrive, workers start, score, idle and die.

Every action is checked when it is taken. A history that runs to its end has met every invariant.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.actions import Action, PauseDispatch, StartWorker, StopWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import scale

CELL = 10  # rows


@dataclass(frozen=True)
class SimulatedModel:
    """The properties of a model."""

    rate: float = 5.0
    start_seconds: float = 2.0
    memory: int = 1
    limits: Limits = field(default_factory=Limits)


@dataclass
class SimulatedPools:
    """Models, machines, workers and rows, simulated second by second."""

    kinds: Mapping[str, SimulatedModel]
    budgets: Sequence[Budget]
    now: float = 1000.0
    workers: dict[str, Worker] = field(default_factory=dict)
    # model → rows not in flight: urgent, bulk, nightly
    rows: dict[str, list[int]] = field(default_factory=dict)
    oldest: dict[str, float] = field(default_factory=dict)
    # when a cell of the model was last scored
    served: dict[str, float] = field(default_factory=dict)
    # worker → urgency, rows, when they are scored
    work: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    actions: list[tuple[float, Action]] = field(default_factory=list)
    # model → since when it has had rows and no ready worker
    waited: dict[str, float] = field(default_factory=dict)
    # model → the longest such wait, in seconds
    longest: Counter[str] = field(default_factory=Counter)

    def add_rows(self, model: str, rows: int, urgency: int = 1) -> None:
        if not self.remaining_rows(model):
            self.oldest[model] = self.now
        self.rows.setdefault(model, [0, 0, 0])[urgency] += rows

    def remaining_rows(self, model: str) -> int:
        return sum(self._remaining_by_urgency(model))

    def of(self, model: str) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.model == model]

    def kill(self, worker: str) -> None:
        """End a worker; the rows that it was scoring are dispatched again."""
        if worker in self.work:
            urgency, rows, _ = self.work.pop(worker)
            self.rows[self.workers[worker].model][urgency] += rows
        del self.workers[worker]

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self._advance()
            paused = {model for budget in self.budgets for model in self._decide(budget)}
            self._dispatch(paused)
            self._record_waits()

    def _advance(self) -> None:
        for worker in list(self.workers.values()):
            ready = worker.started + self.kinds[worker.model].start_seconds <= self.now
            if worker.state == "stopping":
                del self.workers[worker.id]
            elif worker.state == "starting" and ready:
                self._set_state(worker, "idle")
            elif worker.state == "busy" and self.work[worker.id][2] <= self.now:
                del self.work[worker.id]
                self.served[worker.model] = self.now
                self._set_state(worker, "idle")

    def _decide(self, budget: Budget) -> list[str]:
        demand = [self._demand(model) for model in self.kinds]
        pools = list(self.workers.values())
        actions = scale(demand, pools, lambda model: self.kinds[model].limits, budget, self.now)
        for action in actions:
            self.actions.append((self.now, action))
            if isinstance(action, StartWorker):
                self._start(action, budget)
            elif isinstance(action, StopWorker):
                worker = self.workers[action.worker]
                assert worker.machine == budget.machine
                assert worker.state == "idle", f"a {worker.state} worker must not be stopped"
                assert self._active(worker.model) > self.kinds[worker.model].limits.min
                self._set_state(worker, "stopping")
        both = {a.model for a in actions if isinstance(a, StartWorker)} & {
            a.model for a in actions if isinstance(a, PauseDispatch)
        }
        assert not both, "no model is paused and started at once"
        return [action.model for action in actions if isinstance(action, PauseDispatch)]

    def _start(self, action: StartWorker, budget: Budget) -> None:
        kind, name = self.kinds[action.model], f"{action.model}-{len(self.actions)}"
        first = not self._active(action.model)
        here = [worker for worker in self.workers.values() if worker.machine == budget.machine]
        memory = max(kind.memory, kind.limits.memory or 0)
        new = Worker(
            name,
            action.model,
            budget.machine,
            "starting",
            self.now,
            self.now,
            memory,
            action.threads,
            action.device,
        )
        self.workers[name] = new
        here.append(new)
        assert kind.limits.max is None or len(self.of(action.model)) <= kind.limits.max
        assert sum(worker.memory for worker in here) <= budget.memory
        assert sum(worker.state == "starting" for worker in here) <= budget.cores
        if not first:
            assert sum(worker.threads for worker in here if worker.state != "idle") <= budget.cores
        device = kind.limits.device
        if device == "cpu" or (device == "auto" and not budget.gpus):
            assert action.device == "cpu"
        else:
            assert action.device in (budget.gpus if device in ("auto", "cuda") else (device,))
            shares = [self.kinds[w.model].limits.gpu for w in here if w.device == action.device]
            assert sum(shares) <= 1 + 1e-6

    def _dispatch(self, paused: set[str]) -> None:
        for worker in list(self.workers.values()):
            waiting = self.rows.get(worker.model, [0, 0, 0])
            if worker.state == "idle" and worker.model not in paused and any(waiting):
                urgency = next(place for place, rows in enumerate(waiting) if rows)
                rows = min(CELL, waiting[urgency])
                waiting[urgency] -= rows
                self.work[worker.id] = (
                    urgency,
                    rows,
                    self.now + rows / self.kinds[worker.model].rate,
                )
                self._set_state(worker, "busy")

    def _record_waits(self) -> None:
        for model in self.kinds:
            if self.remaining_rows(model) and not any(
                worker.state in ("idle", "busy") for worker in self.of(model)
            ):
                since = self.waited.setdefault(model, self.now)
                self.longest[model] = max(self.longest[model], int(self.now - since))
            else:
                self.waited.pop(model, None)

    def _remaining_by_urgency(self, model: str) -> list[int]:
        remaining = list(self.rows.get(model, [0, 0, 0]))
        for worker in self.of(model):
            if worker.id in self.work:
                urgency, rows, _ = self.work[worker.id]
                remaining[urgency] += rows
        return remaining

    def _demand(self, model: str) -> Demand:
        kind, (urgent, bulk, nightly) = self.kinds[model], self._remaining_by_urgency(model)
        return Demand(
            model=model,
            urgent=urgent,
            bulk=bulk,
            nightly=nightly,
            oldest=self.oldest.get(model, 0.0) if urgent + bulk + nightly else 0.0,
            deadline=None,
            rate=kind.rate,
            start_seconds=kind.start_seconds,
            memory=kind.memory,
            last_served=self.served.get(model, 0.0),
        )

    def _active(self, model: str) -> int:
        return sum(worker.state != "stopping" for worker in self.of(model))

    def _set_state(self, worker: Worker, state: str) -> None:
        self.workers[worker.id] = replace(worker, state=state, since=self.now)

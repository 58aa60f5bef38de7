"""The plan for one machine: actions, and the capacity that they leave. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from tasks.board.roster import Worker
from workers.autoscaling.actions import Action, StartWorker, StopWorker
from workers.autoscaling.capacity import Budget, Capacity, Need
from workers.autoscaling.model_workload import ModelWorkload

# A worker that still starts after so many seconds, and after five usual starts, hangs.
HANGING_SECONDS = 60.0


class MachinePlan:
    """The actions for one machine, added one after the other, and what they leave of its budget.

    free_now:     memory and GPUs that are free now
    free_later:   the same when stopping workers have ended and waiting models have their workers
    free_cores:   cores that no worker computes on
    start_slots:  workers that may start now: at most one for each core starts at a time
    """

    def __init__(
        self,
        models: Mapping[str, ModelWorkload],
        workers: Sequence[Worker],
        budget: Budget,
        now: float,
    ) -> None:
        """`models`: every model of the workers, and more; `workers`: those of all machines."""
        self.models, self.now = models, now
        self.actions: list[Action] = []
        self._budget = budget
        local = [worker for worker in workers if worker.machine == budget.machine]
        self.free_now = self._free_beside(local)
        self.free_later = self._free_beside(
            [worker for worker in local if worker.state != "stopping"]
        )
        # A hanging worker takes memory, and no core.
        running = [worker for worker in local if not self._hangs(worker)]
        self.start_slots = budget.cores - sum(worker.state == "starting" for worker in running)
        # An idle worker computes again as soon as its model has rows.
        self.free_cores = budget.cores - sum(
            worker.threads
            for worker in running
            if worker.state != "idle" or models[worker.model].rows
        )

    def start(self, model: ModelWorkload) -> bool:
        """Start a worker of the model if it fits now; return whether it does."""
        need = self.need_of(model)
        device = self.free_now.fitting_device(need)
        if device is None or self.start_slots <= 0:
            return False
        self.actions.append(StartWorker(model.name, self.threads_of(model), device))
        self._take(replace(need, device=device))
        self.start_slots -= 1
        self.free_cores -= self.threads_of(model)
        model.missing -= 1
        return True

    def stop(self, worker: Worker) -> None:
        """Stop an idle worker."""
        self.actions.append(StopWorker(worker.id))
        self.expect_end(worker)
        if not self.models[worker.model].rows:
            self.free_cores -= worker.threads  # until its process has ended

    def expect_end(self, worker: Worker) -> None:
        """Plan with the capacity that the worker leaves when it ends."""
        self.models[worker.model].active.remove(worker)
        self.free_later = self.free_later.release(self.used_by(worker))

    def reserve(self, need: Need) -> None:
        """Reserve capacity for a model that waits, so that smaller models do not take it."""
        device = self.free_later.fitting_device(need) or self.free_later.freest_device(need)
        self._take(replace(need, device=device))

    def local(self, model: ModelWorkload) -> list[Worker]:
        """Return the model's active workers on this machine."""
        return [worker for worker in model.active if worker.machine == self._budget.machine]

    def idle(self, model: ModelWorkload) -> list[Worker]:
        """Return the model's idle workers on this machine."""
        return [worker for worker in self.local(model) if worker.state == "idle"]

    def threads_of(self, model: ModelWorkload) -> int:
        """Return the threads of a new worker of the model."""
        return min(model.limits.threads or 1, self._budget.cores)

    def need_of(self, model: ModelWorkload) -> Need:
        """Return what a new worker of the model needs on this machine."""
        device = model.limits.device
        if device == "auto":
            device = "cuda" if self._budget.gpus else "cpu"
        memory = model.limits.planned_memory(model.demand.memory if model.demand else 0)
        return Need(memory, device, 0.0 if device == "cpu" else model.limits.gpu)

    def used_by(self, worker: Worker) -> Need:
        """Return what a present worker uses."""
        return Need(worker.memory, worker.device, self.models[worker.model].limits.gpu)

    @cached_property
    def max_capacity(self) -> Capacity:
        """Free capacity if every worker stopped that may stop.

        A worker that needs more never fits on this machine.
        """
        kept = []
        for model in self.models.values():
            kept += self.local(model)[max(0, len(model.active) - model.limits.min) :]
        return self._free_beside(kept)

    def _take(self, need: Need) -> None:
        self.free_now, self.free_later = self.free_now.reserve(need), self.free_later.reserve(need)

    def _hangs(self, worker: Worker) -> bool:
        """Return whether the worker should be ready by now; others then start beside it."""
        demand = self.models[worker.model].demand
        longest_start = max(HANGING_SECONDS, 5 * demand.start_seconds if demand else 0.0)
        return worker.state == "starting" and self.now - worker.started > longest_start

    def _free_beside(self, workers: Sequence[Worker]) -> Capacity:
        """Return the capacity of the machine less what the workers use."""
        gpus = dict.fromkeys(self._budget.gpus, 1.0)
        for worker in workers:
            if worker.device in gpus:
                gpus[worker.device] -= self.models[worker.model].limits.gpu
        return Capacity(self._budget.memory - sum(worker.memory for worker in workers), gpus)

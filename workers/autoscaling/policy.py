"""The scaling policy: demand, workers, limits and a machine's budget in, actions out. Pure.

docs/autoscaling.md explains it, decision 10 gives the reasons. In short:

1. Workers that are not needed stop: the last one of a model when it has been idle for `keep_warm`,
others sooner.

2. A model with rows and no worker gets one. Those that have waited longest come first, urgent ones
with a head start. The worker needs memory, and a GPU if it uses one. If there is no capacity, idle
workers stop; if that is not enough, dispatch is paused for models that are being served, so that
they take turns with those that wait.

3. A model below `min` gets a worker, in place of idle ones only.

4. The cores and memory that are left go to backlogs, those with the fewest workers first.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.actions import Action, PauseDispatch, StartWorker
from workers.autoscaling.capacity import Budget, Need, workers_to_stop
from workers.autoscaling.limits import Limits
from workers.autoscaling.machine_plan import MachinePlan
from workers.autoscaling.model_workload import HEAD_START, ModelWorkload

# Seconds that a model keeps a worker at least, before it is paused for another as urgent.
TURN_SECONDS = 60.0
# Seconds that an idle worker stays if there is another: longer than from cell to cell.
SPARE_SECONDS = 15.0


def scale(
    demands: Sequence[Demand],
    workers: Sequence[Worker],
    limits: Callable[[str], Limits],
    budget: Budget,
    now: float,
) -> list[Action]:
    """Return the actions for the machine of `budget`, while no other machine decides.

    `demands` has every model with rows, and every model with a `min`; `workers` those of all
    machines; `now` is in seconds since 1970. A limit of device "auto" means a GPU if the budget has
    any; the caller makes it "cpu" for a kind of model that cannot use one.
    """
    workers_by_model: dict[str, list[Worker]] = defaultdict(list)
    for worker in workers:
        workers_by_model[worker.model].append(worker)
    demand_by_model = {demand.model: demand for demand in demands}
    models = {
        name: ModelWorkload(
            name, demand_by_model.get(name), workers_by_model[name], limits(name), now
        )
        for name in {**demand_by_model, **workers_by_model}
    }
    plan = MachinePlan(models, workers, budget, now)
    _stop_unused(plan)
    _start_first_workers(plan)
    _start_more_workers(plan)
    return plan.actions


def _stop_unused(plan: MachinePlan) -> None:
    """Stop the last idle worker of a model after `keep_warm`, and spare ones sooner."""
    for model in plan.models.values():
        keep_warm = model.limits.keep_warm
        for keep, idle_seconds in (
            (max(model.needed, 1), min(SPARE_SECONDS, keep_warm)),
            (model.needed, keep_warm),
        ):
            if model.missing <= 0 and len(model.active) > keep:
                unused = [
                    worker for worker in plan.idle(model) if plan.now - worker.since >= idle_seconds
                ]
                for worker in model.stoppable(unused, keep):
                    plan.stop(worker)


def _start_first_workers(plan: MachinePlan) -> None:
    """Start a worker for each model that wants one and has none.

    If there is no capacity, it is reserved.
    """
    models = [model for model in plan.models.values() if model.missing > 0 and not model.active]
    for model in sorted(models, key=lambda model: (model.waiting_since, model.name)):
        need = plan.need_of(model)
        if not plan.start(model) and plan.max_capacity.fitting_device(need):
            if not plan.free_later.fitting_device(need):
                _make_room(plan, model, need)
            if model.rows:
                plan.reserve(need)


def _start_more_workers(plan: MachinePlan) -> None:
    """Start further workers, one by one. Each needs cores that no other worker computes on."""
    paused = {action.model for action in plan.actions if isinstance(action, PauseDispatch)}
    started = {action.model for action in plan.actions if isinstance(action, StartWorker)}
    queue = [
        (model.urgency, len(model.active) or 1, model.waiting_since, model.name)
        for model in plan.models.values()
        if model.missing > 0
        and model.name not in paused
        and (model.active or model.name in started)
    ]
    heapify(queue)
    while queue and plan.start_slots > 0 and plan.free_cores > 0:
        urgency, count, waiting_since, name = heappop(queue)
        model = plan.models[name]
        if plan.threads_of(model) <= plan.free_cores and plan.start(model) and model.missing:
            heappush(queue, (urgency, count + 1, waiting_since, name))


def _make_room(plan: MachinePlan, waiting: ModelWorkload, need: Need) -> None:
    """Stop the workers whose end gives a waiting model enough room, once all of them are idle.

    Until then pause the dispatch of their models.
    """
    unused = [
        worker
        for model in plan.models.values()
        for worker in model.stoppable(plan.idle(model), keep=model.needed)
    ]
    unused.sort(key=lambda worker: (plan.models[worker.model].rows > 0, worker.since))
    stoppable = unused + [worker for worker in _replaceable(plan, waiting) if worker not in unused]
    chosen = [
        stoppable[index]
        for index in workers_to_stop(
            need, plan.free_later, [plan.used_by(worker) for worker in stoppable]
        )
    ]
    if all(worker.state == "idle" for worker in chosen):
        for worker in chosen:
            plan.stop(worker)
        return
    for worker in chosen:
        plan.expect_end(worker)
        if worker not in unused and PauseDispatch(worker.model) not in plan.actions:
            plan.actions.append(PauseDispatch(worker.model))


def _replaceable(plan: MachinePlan, waiting: ModelWorkload) -> list[Worker]:
    """Return workers that may have to stop for a waiting model though their models have rows.

    The least urgent models come first, then those that have been served longest.
    """
    if not waiting.rows:
        return []
    candidates: list[tuple[int, float, list[Worker]]] = []
    for model in plan.models.values():
        ready = [worker for worker in plan.local(model) if worker.state in ("idle", "busy")]
        if not ready:
            continue
        served_since = min(worker.started for worker in ready)
        start_seconds = [each.demand.start_seconds for each in (model, waiting) if each.demand]
        had_its_turn = plan.now - served_since >= max(TURN_SECONDS, 5 * max(start_seconds))
        waiting_since = model.waiting_since
        if had_its_turn:
            waiting_since = max(waiting_since, plan.now + HEAD_START[model.urgency])
        if waiting_since > waiting.waiting_since and (
            had_its_turn or model.urgency > waiting.urgency
        ):
            stoppable = model.stoppable(ready, keep=model.limits.min)
            candidates.append((-model.urgency, served_since, stoppable))
    candidates.sort(key=lambda candidate: candidate[:2])
    return [worker for *_, workers in candidates for worker in workers]

"""The pool manager: starts and stops the scoring workers of one machine, as demand requires."""

import logging
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic, time
from uuid import uuid4

from redis.exceptions import LockError, RedisError

from storage.errors import ChorusError
from tasks.board import keys
from tasks.board.context import Context
from tasks.board.leases import release_all
from tasks.board.publish_progress import published_parts
from tasks.board.roster import Roster, Worker
from tasks.board.worker_profile import read_profile
from tasks.jobs.submit import fail_job
from tasks.planning.demand import Demand, read_demand
from tasks.planning.dispatch import pause_dispatch
from tasks.planning.record_cache import job_of
from workers.autoscaling.actions import PauseDispatch, StartWorker, StopWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import scale
from workers.processes.child_process import ChildProcess, stop_all
from workers.processes.heartbeat_timeout import HeartbeatTimeout

_LOCK_SECONDS = 5.0  # if a machine dies while it decides, the others wait for so long
_PAUSE_SECONDS = 3.0  # each tick renews the pause of a model's dispatch
_MAX_DEATHS = 4  # of a model's workers in a row, none of them ready; then the model's jobs fail
_MAX_BACKOFF_SECONDS = 30.0  # between two starts of a model whose workers die
# Exit status of a worker that could not start without storage: EX_TEMPFAIL of sysexits.h.
EXIT_STORAGE_UNAVAILABLE = 75

log = logging.getLogger(__name__)


@dataclass
class _PoolMember:
    """A worker process that this machine started, and its roster entry."""

    child: ChildProcess
    worker: Worker
    ready: bool = False
    stopping: bool = False
    heartbeat: HeartbeatTimeout = field(default_factory=HeartbeatTimeout)


class PoolManager:
    """Starts and stops the scoring workers of this machine, as `scale` decides.

    Machines decide one at a time, each about its own workers, with those of all in view.
    """

    def __init__(
        self,
        context: Context,
        start: Callable[[Worker], ChildProcess],
        limits: Callable[[str], Limits],
        budget: Budget,
        models: Collection[str] | None = None,
        warm: Collection[str] = (),
    ) -> None:
        """`models`: those served by this machine, None for all; `warm`: those with a `min` > 0."""
        self._context, self._start, self._limits, self._budget = context, start, limits, budget
        self._models, self._warm = models, warm
        self._roster = Roster(context.board)
        self._pool: dict[str, _PoolMember] = {}  # by worker id
        self._deaths: Counter[str] = Counter()  # by model, in a row
        self._too_large: set[str] = set()  # models of whose size an operator was warned
        # model → earliest next start of a worker, by the monotonic clock
        self._next_start: dict[str, float] = defaultdict(float)

    @property
    def workers(self) -> list[Worker]:
        """Workers that run on this machine."""
        return [member.worker for member in self._pool.values()]

    def tick(self) -> None:
        """Remove dead workers; start and stop workers as demand requires. Raises RedisError."""
        self._reap_dead()
        lock = self._context.board.redis.lock(
            self._context.board.key(keys.SCALING),
            timeout=_LOCK_SECONDS,
            blocking=False,
            thread_local=False,
        )
        if not lock.acquire():
            return  # another machine is deciding
        try:
            self._decide()
        finally:
            with suppress(LockError):  # it has expired: this machine was slow
                lock.release()

    def stop(self, grace: float) -> None:
        """Stop all workers: each finishes its cells within `grace` seconds, or releases them."""
        stop_all([member.child for member in self._pool.values()], grace)
        with suppress(RedisError):
            release_all(self._context.board, list(self._pool))
            self._roster.remove(list(self._pool))
        self._pool.clear()

    def _decide(self) -> None:
        workers = {worker.id: worker for worker in self._roster.workers() if worker.model}
        for worker_id, member in self._pool.items():
            self._update(member, workers.get(worker_id))
            workers[worker_id] = member.worker
        demands = self._demands({worker.model for worker in workers.values()})
        self._warn_of_too_large(demands)
        actions = scale(
            demands,
            self._with_peak_memory(workers.values(), demands),
            self._limits,
            self._budget,
            time(),
        )
        for action in actions:
            if isinstance(action, StartWorker):
                if monotonic() >= self._next_start[action.model]:
                    self._add(action)
            elif isinstance(action, StopWorker):
                self._remove(action.worker)
            elif isinstance(action, PauseDispatch):
                pause_dispatch(self._context.board, action.model, _PAUSE_SECONDS)

    def _update(self, member: _PoolMember, entry: Worker | None) -> None:
        """Update a worker from its roster entry, and write the entry until the worker does.

        Kill a worker whose heartbeats have stopped.
        """
        expected = member.worker
        # Before the first heartbeat the entry is the one that this machine wrote.
        by_heartbeat = entry is not None and (member.heartbeat.received or entry != expected)
        if member.heartbeat.has_expired(monotonic(), on_roster=by_heartbeat):
            log.warning("a worker sends no heartbeats: killing it", extra={"worker": expected.id})
            member.child.kill()
        # A worker that did not find its entry when it started knows neither machine nor start.
        if entry is not None:
            member.worker = replace(entry, machine=expected.machine, started=expected.started)
        elif not member.heartbeat.received:
            self._roster.put(expected)
        if member.worker.state not in ("starting", "stopping") and not member.ready:
            member.ready = True
            self._deaths.pop(expected.model, None)
        if member.stopping:
            member.worker = replace(member.worker, state="stopping")
            # A heartbeat of the worker has written another state.
            if entry is not None and entry.state != "stopping":
                self._roster.put(member.worker)

    def _warn_of_too_large(self, demands: list[Demand]) -> None:
        """Warn once of each model that does not fit on this machine, and waits for a larger one."""
        for demand in demands:
            model, allowed = demand.model, self._budget.memory
            needed = self._limits(model).planned_memory(demand.memory)
            if demand.rows and needed > allowed and model not in self._too_large:
                self._too_large.add(model)
                log.warning(
                    "%s needs %d MB and all workers here may take %d: it waits for a larger "
                    "machine. Raise CHORUS_MEMORY, or lower the model's memory in chorus.toml if "
                    "it is more than the model needs",
                    *(model, needed // 10**6, allowed // 10**6),
                )

    def _with_peak_memory(
        self, workers: Iterable[Worker], demands: Iterable[Demand]
    ) -> list[Worker]:
        """Return the workers with the memory that they need while scoring.

        A worker that has only loaded its model reports less.
        """
        planned = {
            demand.model: self._limits(demand.model).planned_memory(demand.memory)
            for demand in demands
        }
        return [
            replace(worker, memory=max(worker.memory, planned.get(worker.model, 0)))
            for worker in workers
        ]

    def _demands(self, running: set[str]) -> list[Demand]:
        """Return the demand for the models that this machine serves; `running` have workers."""
        demands = read_demand(self._context.place, self._context.board, running | set(self._warm))
        return [each for each in demands if self._models is None or each.model in self._models]

    def _add(self, action: StartWorker) -> None:
        now = time()
        profile = read_profile(self._context.place, self._context.board, action.model)
        worker = Worker(
            id=f"{action.model}-{uuid4().hex[:8]}",
            model=action.model,
            machine=self._budget.machine,
            state="starting",
            since=now,
            started=now,
            memory=self._limits(action.model).planned_memory(profile.memory),
            threads=action.threads,
            device=action.device,
        )
        self._roster.put(worker)
        self._pool[worker.id] = _PoolMember(self._start(worker), worker)
        log.info(
            "started a worker",
            extra={"worker": worker.id, "threads": worker.threads, "device": worker.device},
        )

    def _remove(self, worker_id: str) -> None:
        member = self._pool[worker_id]
        member.stopping = True
        member.child.terminate()
        log.info("stopping an idle worker", extra={"worker": worker_id})

    def _reap_dead(self) -> None:
        """Release the leases of dead workers, and remove them from the roster."""
        for worker_id, member in list(self._pool.items()):
            status = member.child.exit_status()
            if status is None:
                continue
            release_all(self._context.board, [worker_id])
            self._roster.remove([worker_id])
            del self._pool[worker_id]
            if not member.stopping:
                log.warning(
                    "a worker ended unexpectedly, status %s", status, extra={"worker": worker_id}
                )
                self._count_death(member, status)

    def _count_death(self, dead: _PoolMember, status: int) -> None:
        """Delay the next start of a model whose workers die.

        If several die in a row before they are ready, the model's jobs fail. A worker that ended
        because storage was unavailable does not count: the model is not at fault.
        """
        model = dead.worker.model
        if status == EXIT_STORAGE_UNAVAILABLE:
            self._next_start[model] = monotonic() + _MAX_BACKOFF_SECONDS
            return
        self._deaths[model] = 1 if dead.ready else self._deaths[model] + 1
        deaths = self._deaths[model]
        backoff = 0.0 if deaths == 1 else min(_MAX_BACKOFF_SECONDS, 0.5 * 2.0**deaths)
        self._next_start[model] = monotonic() + backoff
        if not dead.ready and deaths >= _MAX_DEATHS:
            reason = (
                f"The workers of {model} ended {deaths} times before the model was loaded. "
                f"The log of the last, {dead.child.log}, ends:\n{dead.child.log_tail()}"
            )
            self._fail_jobs(model, reason)
            self._deaths.pop(model)

    def _fail_jobs(self, model: str, reason: str) -> None:
        for name in self._context.board.running():
            if published_parts(self._context.board, name) is not None:
                continue  # all its labels are written; only its results are still published
            with suppress(ChorusError):  # the job cannot be read: the reconciler fails it
                if model in job_of(self._context.place, name).model_names:
                    log.error("the job fails: %s", reason, extra={"job": name, "model": model})
                    fail_job(self._context, name, reason)


def new_machine_id() -> str:
    """Return a new name for this machine on the roster.

    Several services may run on one host, so it is the host's name and a random part.
    """
    return f"{socket.gethostname()}-{uuid4().hex[:6]}"

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
from tasks.planning.demand import Demand, demand
from tasks.planning.dispatch import pause_dispatch
from tasks.planning.record_cache import job_of
from workers.autoscaling.actions import PauseDispatch, StartWorker, StopWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import scale
from workers.processes.child_process import ChildProcess, stop_all
from workers.processes.heartbeat_timeout import HeartbeatTimeout

_LOCK_SECONDS = 5.0  # a machine that dies while it decides keeps the others waiting for so long
_HOLD_SECONDS = 3.0  # it is said again with each look
_MOST_DEATHS = 4  # in a row before a model's worker was ready; then its jobs fail
_LONGEST_REST = 30.0  # seconds between two starts of a model whose workers die
# EX_TEMPFAIL of sysexits.h: with it a worker ends that could not begin without storage
STORAGE_AWAY = 75

log = logging.getLogger(__name__)


@dataclass
class _Pooled:
    """A child process and its roster entry."""

    child: ChildProcess
    worker: Worker
    ready: bool = False
    stopping: bool = False
    silence: HeartbeatTimeout = field(default_factory=HeartbeatTimeout)


class PoolManager:
    """The scoring workers of this machine, as `scale` decides.

    Machines decide one at a time, each about its own workers, and see those of all.
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
        """`models`: the models that this machine serves, None for all; `warm`: those with a `min`
        above zero.
        """
        self._context, self._start, self._limits, self._budget = context, start, limits, budget
        self._models, self._warm = models, warm
        self._roster = Roster(context.board)
        self._pool: dict[str, _Pooled] = {}
        self._deaths: Counter[str] = Counter()  # by model, in a row
        self._too_large: set[str] = set()  # models that do not fit here; said once
        self._rest: dict[str, float] = defaultdict(float)  # by model, until when none is started

    @property
    def workers(self) -> list[Worker]:
        """Workers that run on this machine."""
        return [pooled.worker for pooled in self._pool.values()]

    def tick(self) -> None:
        """Replace dead workers, and follow demand. Raises RedisError."""
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
            with suppress(LockError):  # it ran out: this machine was slow
                lock.release()

    def stop(self, grace: float) -> None:
        """Stop all workers. They finish what they score within `grace` seconds and release the
        rest.
        """
        stop_all([pooled.child for pooled in self._pool.values()], grace)
        with suppress(RedisError):
            release_all(self._context.board, list(self._pool))
            self._roster.remove(list(self._pool))
        self._pool.clear()

    def _decide(self) -> None:
        known = {worker.id: worker for worker in self._roster.workers() if worker.model}
        for name, pooled in self._pool.items():
            self._update(pooled, known.get(name))
            known[name] = pooled.worker
        wanted = self._demand({worker.model for worker in known.values()})
        self._warn_of_too_large(wanted)
        for action in scale(
            wanted,
            self._with_peak_memory(known.values(), wanted),
            self._limits,
            self._budget,
            time(),
        ):
            if isinstance(action, StartWorker):
                if monotonic() >= self._rest[action.model]:
                    self._add(action)
            elif isinstance(action, StopWorker):
                self._remove(action.worker)
            elif isinstance(action, PauseDispatch):
                pause_dispatch(self._context.board, action.model, _HOLD_SECONDS)

    def _update(self, pooled: _Pooled, entry: Worker | None) -> None:
        """Take over what the roster says of a child, and write there what the child has not yet."""
        mine = pooled.worker
        by_itself = entry is not None and (pooled.silence.heard or entry != mine)
        if pooled.silence.has_expired(monotonic(), on_roster=by_itself):
            log.warning("a worker says nothing any more: killing it", extra={"worker": mine.id})
            pooled.child.kill()
        # one that did not find itself on the roster knows neither its machine nor its start
        if entry is not None:
            pooled.worker = replace(entry, machine=mine.machine, started=mine.started)
        elif not pooled.silence.heard:
            self._roster.put(mine)
        if pooled.worker.state not in ("starting", "stopping") and not pooled.ready:
            pooled.ready = True
            self._deaths.pop(mine.model, None)
        if pooled.stopping:
            pooled.worker = replace(pooled.worker, state="stopping")
            # a beat of the child has said otherwise
            if entry is not None and entry.state != "stopping":
                self._roster.put(pooled.worker)

    def _warn_of_too_large(self, wanted: list[Demand]) -> None:
        """Warn of a model that does not fit on this machine, once: it waits for a larger one."""
        for one in wanted:
            needed, most = self._limits(one.model).planned_memory(one.memory), self._budget.memory
            if one.rows and needed > most and one.model not in self._too_large:
                self._too_large.add(one.model)
                log.warning(
                    "%s needs %d MB and all workers here may take %d: it waits for a larger "
                    "machine. "
                    "Raise CHORUS_MEMORY, or lower its memory in chorus.toml if that says more "
                    "than it needs",
                    *(one.model, needed // 10**6, most // 10**6),
                )

    def _with_peak_memory(
        self, workers: Iterable[Worker], wanted: Iterable[Demand]
    ) -> list[Worker]:
        """Return the workers with the memory that they need while scoring.

        A worker that has only loaded its model reports less.
        """
        peak = {one.model: self._limits(one.model).planned_memory(one.memory) for one in wanted}
        return [
            replace(worker, memory=max(worker.memory, peak.get(worker.model, 0)))
            for worker in workers
        ]

    def _demand(self, running: set[str]) -> list[Demand]:
        wanted = demand(self._context.place, self._context.board, running | set(self._warm))
        return [one for one in wanted if self._models is None or one.model in self._models]

    def _add(self, action: StartWorker) -> None:
        now, known = time(), read_profile(self._context.place, self._context.board, action.model)
        worker = Worker(
            id=f"{action.model}-{uuid4().hex[:8]}",
            model=action.model,
            machine=self._budget.machine,
            state="starting",
            since=now,
            started=now,
            memory=self._limits(action.model).planned_memory(known.memory),
            threads=action.threads,
            device=action.device,
        )
        self._roster.put(worker)
        self._pool[worker.id] = _Pooled(self._start(worker), worker)
        log.info(
            "started a worker",
            extra={"worker": worker.id, "threads": worker.threads, "device": worker.device},
        )

    def _remove(self, worker: str) -> None:
        pooled = self._pool[worker]
        pooled.stopping = True
        pooled.child.terminate()
        log.info("stopping an idle worker", extra={"worker": worker})

    def _reap_dead(self) -> None:
        """Release the leases of dead workers, and remove them from the roster."""
        for name, pooled in list(self._pool.items()):
            status = pooled.child.exit_status()
            if status is None:
                continue
            release_all(self._context.board, [name])
            self._roster.remove([name])
            del self._pool[name]
            if not pooled.stopping:
                log.warning("a worker ended by itself, status %s", status, extra={"worker": name})
                self._count_death(pooled, status)

    def _count_death(self, dead: _Pooled, status: int) -> None:
        """Wait before the next start of a model whose workers die.

        If none of them was ever ready, the model's jobs fail; not where storage was unavailable,
        which says nothing of the model.
        """
        model = dead.worker.model
        if status == STORAGE_AWAY:
            self._rest[model] = monotonic() + _LONGEST_REST
            return
        self._deaths[model] += 1
        if dead.ready:
            self._deaths[model] = 1
        deaths = self._deaths[model]
        self._rest[model] = monotonic() + (
            0.0 if deaths == 1 else min(_LONGEST_REST, 0.5 * 2.0**deaths)
        )
        if not dead.ready and deaths >= _MOST_DEATHS:
            reason = (
                f"The workers of {model} ended {deaths} times before the model was loaded. "
                f"The log of the last, {dead.child.log}, ends:\n{dead.child.log_tail()}"
            )
            self._fail_jobs(model, reason)
            self._deaths.pop(model)

    def _fail_jobs(self, model: str, reason: str) -> None:
        for name in self._context.board.running():
            if published_parts(self._context.board, name) is not None:
                continue  # it has all its labels, and waits for its topic
            with suppress(ChorusError):  # of a job that cannot be read: the reconciler fails it
                if model in [member.name for member in job_of(self._context.place, name).models]:
                    fail_job(self._context, name, reason)


def this_machine() -> str:
    """Return a name for this process among all that start workers: several may run on one host."""
    return f"{socket.gethostname()}-{uuid4().hex[:6]}"

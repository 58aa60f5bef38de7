"""The service on one machine: a broker if it brings its own, control worker, bridge, and pools that
follow demand.
"""

import logging
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import lru_cache
from time import monotonic

from redis.exceptions import RedisError

from chorus.common.settings import Settings, child_environment
from models.interface.device import AUTO, CPU, choose_device, gather_gpu_facts
from models.kinds.table import find_kind
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.place import Place
from storage.records.jobs import Job
from tasks.board.bridge_roster import BridgeRoster
from tasks.board.context import Context
from tasks.board.roster import Worker
from workers.autoscaling.limits import Limits
from workers.autoscaling.policy import Budget
from workers.autoscaling.pool_manager import PoolManager, this_machine
from workers.autoscaling.thread_share import share_threads
from workers.processes.child_process import ChildProcess
from workers.processes.embedded_broker import BrokerHandle
from workers.processes.supervisor import Supervisor

# as many find cores of their own, unless chorus.toml gives them more threads
_WORKERS_A_MACHINE = 4
_FOREVER = 1e9  # seconds
_LEAST_GRACE = 5.0  # for the control worker, however long the others took

log = logging.getLogger(__name__)


class Service:
    """The control worker, the bridge and the pools, kept alive by `look`."""

    def __init__(
        self,
        settings: Settings,
        broker: BrokerHandle,
        context: Context,
        limits: Callable[[str], Limits],
        budget: Budget,
        *,
        models: Collection[str] | None = None,
        warm: Collection[str] = (),
        only: Collection[str] = (),
        metrics: str | None = None,
        bridge: bool = False,
    ) -> None:
        """`models`, `warm`: see Pools. `only`: the jobs that the control worker looks after, all if
        none are named; `metrics`: HOST:PORT at which it serves them. `bridge`: whether messages
        come in, or results go out.
        """
        self._settings, self._broker, self._context = settings, broker, context
        self._control_options = [
            *(word for job in only for word in ("--only", job)),
            *(("--metrics", metrics) if metrics else ()),
        ]
        self.pools = PoolManager(context, self._scoring_worker, limits, budget, models, warm)
        self._control = Supervisor("control worker", context.board, self._control_worker)
        self._bridge = (
            Supervisor("bridge", context.board, self._bridging, BridgeRoster(context.board).remove)
            if bridge
            else None
        )

    def tick(self) -> None:
        """See that everything runs that should. Raises NoBroker; whatever else is away or fails is
        waited for.
        """
        self._broker.tick()
        try:
            self._control.tick()
            if self._bridge is not None:
                self._bridge.tick()
            self.pools.tick()
        except RedisError as error:
            log.warning("the broker is away: %s", error)
        except Exception:  # whatever a storage raises; the next look is soon
            log.exception("could not see to the workers")

    def stop(self, grace: float) -> None:
        """Within so many seconds in all: the bridge first, so that no more comes in, the control
        worker last.
        """
        end = monotonic() + grace
        if self._bridge is not None:
            self._bridge.stop(grace)
        self.pools.stop(max(0.0, end - monotonic()))
        self._control.stop(max(_LEAST_GRACE, end - monotonic()))

    def _control_worker(self, identity: str) -> ChildProcess:
        return self._child(
            "control", "worker", "--control", "--id", identity, *self._control_options
        )

    def _bridging(self, identity: str) -> ChildProcess:
        return self._child("bridge", "bridge", "--id", identity)

    def _scoring_worker(self, worker: Worker) -> ChildProcess:
        arguments = ["--model", worker.model, "--id", worker.id, "--threads", str(worker.threads)]
        return self._child(worker.model, "worker", *arguments, "--device", worker.device)

    def _child(self, name: str, *arguments: str) -> ChildProcess:
        command = [sys.executable, "-m", "chorus", *arguments]
        log_file = self._settings.run / "logs" / f"{name}.log"
        return ChildProcess(
            name, command, log_file, child_environment(self._settings, self._broker.address)
        )


def limits_for_machine(
    place: Place, settings: Settings, limits: Callable[[str], Limits]
) -> tuple[Callable[[str], Limits], Budget]:
    """The limits with what only this machine knows, threads and device; and what its workers may
    take together.
    """
    registry = ModelRegistry(place)
    gpus = _gpus(settings)
    each = max(1, settings.cores // _WORKERS_A_MACHINE)

    def resolved(model: str) -> Limits:
        found = limits(model)
        try:
            kind = find_kind(registry.resolve(model).kind)
        except ChorusError:  # its worker will say what is wrong, and so will the jobs that need it
            return replace(found, device=CPU, threads=1)
        device = found.device if found.device != AUTO else settings.device
        return replace(
            found,
            device=device if kind.uses_gpu and gpus else CPU,
            threads=found.threads or min(each, kind.max_threads or each),
        )

    budget = Budget(this_machine(), settings.cores, settings.memory, gpus)
    return lru_cache(1024)(resolved), budget


def limits_for_jobs(
    place: Place, settings: Settings, jobs: Iterable[Job], busy: Collection[str]
) -> tuple[Callable[[str], Limits], Budget]:
    """One worker a model of the jobs; those that are `busy`, which have something to score, share
    the cores.

    They stay until the jobs end. A model with nothing to score may still be needed, if its scores
    turn out damaged.
    """
    registry = ModelRegistry(place)
    models = dict.fromkeys(model for job in jobs for model in job.models)
    kinds = {
        model.name: find_kind(registry.manifest(model.name, model.version).kind) for model in models
    }
    threads = share_threads(
        settings.cores, {name: kind.max_threads for name, kind in kinds.items() if name in busy}
    )
    threads = dict.fromkeys(kinds, 1) | threads
    device = choose_device(settings.device, gather_gpu_facts(count_with_torch=False))

    def limits(model: str) -> Limits:
        wanted = device if kinds[model].uses_gpu else CPU
        return Limits(
            max=1,
            keep_warm=_FOREVER,
            drain=_FOREVER,
            threads=threads[model],
            device=wanted,
            gpu=1 / len(kinds),
        )

    return limits, Budget(this_machine(), sum(threads.values()), sys.maxsize, _gpus(settings))


def _gpus(settings: Settings) -> tuple[str, ...]:
    """Those that the setting allows."""
    facts = gather_gpu_facts(count_with_torch=False)
    device = choose_device(settings.device, facts)
    if device == CPU:
        return ()
    return (
        (device,)
        if ":" in device
        else tuple(f"cuda:{number}" for number in range(facts.device_files))
    )

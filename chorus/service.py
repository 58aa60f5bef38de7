"""The service on one machine: a broker if it brings its own, the control worker, and pools that follow demand."""

import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import lru_cache
from time import monotonic

from redis.exceptions import RedisError

from chorus.settings import Settings, for_children
from models.device import AUTO, CPU, choose, gather
from models.kinds import find
from models.registry import ModelRegistry
from storage.errors import ChorusError
from storage.jobs import Job
from storage.place import Place
from tasks.context import Context
from tasks.roster import Worker
from workers.broker import Broker
from workers.children import Child
from workers.cores import share
from workers.limits import Limits
from workers.pools import Pools, this_machine
from workers.scale import Budget

_WORKERS_A_MACHINE = 4  # as many find cores of their own, unless chorus.toml gives them more threads
_FOREVER = 1e9  # seconds
_REST = 1.0  # seconds before a control worker that ended by itself is started again

log = logging.getLogger(__name__)


class Service:
    """The control worker and the pools, kept alive by `look`."""

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        context: Context,
        limits: Callable[[str], Limits],
        budget: Budget,
        *,
        models: Collection[str] | None = None,
        warm: Collection[str] = (),
        only: str | None = None,
        metrics: str | None = None,
    ) -> None:
        """`models`, `warm`: see Pools. `only`: the one job that the control worker looks after;
        `metrics`: HOST:PORT at which it serves them.
        """
        self._settings, self._broker, self._context = settings, broker, context
        self._control_options = [*(("--only", only) if only else ()), *(("--metrics", metrics) if metrics else ())]
        self.pools = Pools(context, self._scoring_worker, limits, budget, models, warm)
        self.control = self._control_worker()
        self._control_since = monotonic()

    def look(self) -> None:
        """See that everything runs that should. Raises NoBroker; a broker that is away is waited for."""
        self._broker.look()
        status = self.control.ended()
        if status is not None and monotonic() - self._control_since > _REST:
            log.warning("the control worker ended by itself, status %s: starting another", status)
            self.control, self._control_since = self._control_worker(), monotonic()
        try:
            self.pools.look()
        except RedisError as error:
            log.warning("the broker is away: %s", error)

    def stop(self, grace: float) -> None:
        """The scoring workers first: what they end is still reduced."""
        self.pools.stop(grace)
        self.control.stop(grace)

    def _control_worker(self) -> Child:
        return self._worker("control", "--control", *self._control_options)

    def _scoring_worker(self, worker: Worker) -> Child:
        arguments = ["--model", worker.model, "--id", worker.id]
        return self._worker(worker.model, *arguments, "--threads", str(worker.threads), "--device", worker.device)

    def _worker(self, name: str, *arguments: str) -> Child:
        command = [sys.executable, "-m", "chorus", "worker", *arguments]
        log_file = self._settings.run / "logs" / f"{name}.log"
        return Child(name, command, log_file, for_children(self._settings, self._broker.address))


def for_this_machine(
    place: Place, settings: Settings, limits: Callable[[str], Limits]
) -> tuple[Callable[[str], Limits], Budget]:
    """The limits with what only this machine knows, threads and device; and what its workers may take together."""
    registry = ModelRegistry(place)
    gpus = _gpus(settings)
    each = max(1, settings.cores // _WORKERS_A_MACHINE)

    def resolved(model: str) -> Limits:
        found = limits(model)
        try:
            kind = find(registry.resolve(model).kind)
        except ChorusError:  # its worker will say what is wrong, and so will the jobs that need it
            return replace(found, device=CPU, threads=1)
        device = found.device if found.device != AUTO else settings.device
        return replace(
            found,
            device=device if kind.gpu is not None and gpus else CPU,
            threads=found.threads or min(each, kind.most_threads or each),
        )

    budget = Budget(this_machine(), settings.cores, settings.memory, gpus)
    return lru_cache(1024)(resolved), budget


def for_one_job(place: Place, settings: Settings, job: Job) -> tuple[Callable[[str], Limits], Budget]:
    """One worker a model of the job; they share the cores, and stay until the job ends."""
    registry = ModelRegistry(place)
    kinds = {model.name: find(registry.manifest(model.name, model.version).kind) for model in job.models}
    threads = share(settings.cores, {name: kind.most_threads for name, kind in kinds.items()})
    device = choose(settings.device, gather(ask_torch=False))

    def limits(model: str) -> Limits:
        wanted = device if kinds[model].gpu is not None else CPU
        return Limits(
            max=1, keep_warm=_FOREVER, drain=_FOREVER, threads=threads[model], device=wanted, gpu=1 / len(kinds)
        )

    return limits, Budget(this_machine(), sum(threads.values()), sys.maxsize, _gpus(settings))


def _gpus(settings: Settings) -> tuple[str, ...]:
    """Those that the setting allows."""
    facts = gather(ask_torch=False)
    device = choose(settings.device, facts)
    if device == CPU:
        return ()
    return (device,) if ":" in device else tuple(f"cuda:{number}" for number in range(facts.device_files))

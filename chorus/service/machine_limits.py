"""The limits of the pools on this machine, and the budget that their workers share."""

import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import lru_cache

from chorus.common.settings import Settings
from models.interface.device import AUTO, CPU, choose_device, gather_gpu_facts
from models.kinds.table import find_kind
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.place import Place
from storage.records.jobs import Job
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.pool_manager import new_machine_id
from workers.autoscaling.thread_share import share_threads

# so many workers have cores of their own, unless chorus.toml gives them more threads
_WORKERS_PER_MACHINE = 4
_FOREVER = 1e9  # seconds

LimitsOf = Callable[[str], Limits]  # model → the limits of its pool


def limits_for_machine(
    place: Place, settings: Settings, configured: LimitsOf
) -> tuple[LimitsOf, Budget]:
    """Return the configured limits with the threads and the device that this machine gives a
    worker, and the budget of all its workers.
    """
    registry = ModelRegistry(place)
    gpus = _gpus(settings)
    threads = max(1, settings.cores // _WORKERS_PER_MACHINE)

    def limits_of(model: str) -> Limits:
        limits = configured(model)
        try:
            kind = find_kind(registry.resolve(model).kind)
        except ChorusError:  # its worker reports the error, and so do the jobs that need it
            return replace(limits, device=CPU, threads=1)
        device = limits.device if limits.device != AUTO else settings.device
        return replace(
            limits,
            device=device if kind.uses_gpu and gpus else CPU,
            threads=limits.threads or min(threads, kind.max_threads or threads),
        )

    budget = Budget(new_machine_id(), settings.cores, settings.memory, gpus)
    return lru_cache(1024)(limits_of), budget


def limits_for_jobs(
    place: Place, settings: Settings, jobs: Iterable[Job], busy: Collection[str]
) -> tuple[LimitsOf, Budget]:
    """Return limits of one worker for each model of the jobs, which stays until they end.

    `busy`: the models that have cells to score; they share the cores. Another model may be needed
    yet, if some of its scores turn out to be damaged.
    """
    registry = ModelRegistry(place)
    models = dict.fromkeys(model for job in jobs for model in job.models)
    kinds = {
        model.name: find_kind(registry.manifest(model.name, model.version).kind) for model in models
    }
    max_threads = {name: kind.max_threads for name, kind in kinds.items() if name in busy}
    threads = dict.fromkeys(kinds, 1) | share_threads(settings.cores, max_threads)
    device = choose_device(settings.device, gather_gpu_facts(count_with_torch=False))

    def limits_of(model: str) -> Limits:
        return Limits(
            max=1,
            keep_warm=_FOREVER,
            drain=_FOREVER,
            threads=threads[model],
            device=device if kinds[model].uses_gpu else CPU,
            gpu=1 / len(kinds),
        )

    return limits_of, Budget(new_machine_id(), sum(threads.values()), sys.maxsize, _gpus(settings))


def _gpus(settings: Settings) -> tuple[str, ...]:
    """Return the GPUs that the setting allows."""
    facts = gather_gpu_facts(count_with_torch=False)
    device = choose_device(settings.device, facts)
    if device == CPU:
        return ()
    return (
        (device,)
        if ":" in device
        else tuple(f"cuda:{number}" for number in range(facts.device_files))
    )

"""The forecast: remaining work and worker profiles in, seconds and bytes out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.records.labelled_output import ModelVersion
from tasks.board.worker_profile import WorkerProfile
from tasks.planning.remaining_work import MissingScores, RemainingWork

# Measured on two cores of an AMD EPYC (Zen 4), see docs/performance.md.
_CONTROL_START = 0.9  # processor seconds until a control worker takes its first message
_CONTROL_MEMORY = 125_000_000  # bytes of a control worker
_REDUCE_ROW = 2.4e-6  # processor seconds of the control worker for each row
_OVERHEAD = 0.3  # seconds to plan, to notice the last part, and to write the manifest


@dataclass(frozen=True)
class ForecastPool:
    """The workers of one model."""

    workers: int = 1  # at most
    threads: int = 1  # of each worker
    warm: bool = False  # a worker runs already
    gpu: bool = False  # they compute on a GPU


@dataclass(frozen=True)
class ForecastMachine:
    """The machine that would run the jobs."""

    cores: int
    pools: Mapping[str, ForecastPool]  # by model
    gpus: int = 0
    # bytes that all scoring workers may take together; None: no limit
    memory: int | None = None
    service: bool = False  # a service runs, and so does its control worker


@dataclass(frozen=True)
class ProcessLoad:
    """The work of one kind of process: `start` and `work` in processor seconds.

    On a GPU `work` is in seconds of the GPU.
    """

    work: float
    threads: int = 1  # that share the work
    start: float = 0.0
    gpu: bool = False


@dataclass(frozen=True)
class ModelForecast:
    """The forecast for one model."""

    missing: MissingScores
    starts_worker: bool  # whether a worker has to be started
    seconds: float  # of a processor, or of a GPU, for its rows
    memory: int  # bytes of its workers
    measured: bool  # whether the profile was measured; else it is an estimate


@dataclass(frozen=True)
class JobForecast:
    """The forecast for some jobs together."""

    machine: ForecastMachine
    models: tuple[ModelForecast, ...]
    parts: int
    rows: int  # of these parts
    seconds: float  # from their arrival to their end, corrected
    memory: int  # bytes at most
    correction: float  # a factor from earlier jobs, see tasks.planning.forecast_correction

    @property
    def measured(self) -> bool:
        """Whether all of it rests on measurements."""
        return all(model.measured for model in self.models if model.missing.rows)


def forecast_work(
    remaining: RemainingWork,
    profiles: Mapping[ModelVersion, WorkerProfile],
    machine: ForecastMachine,
    correction: float = 1.0,
) -> JobForecast:
    """Return what the remaining work would take on this machine, if it had no other jobs."""
    models, loads = [], []
    for missing in remaining.models:
        pool, profile = machine.pools[missing.model.name], profiles[missing.model]
        starts_worker = missing.rows > 0 and not pool.warm
        seconds = profile.seconds(missing.rows, missing.chars)
        memory = pool.workers * profile.memory if missing.rows else 0
        measured = profile.row_seconds > 0
        models.append(ModelForecast(missing, starts_worker, seconds, memory, measured))
        if missing.rows:
            start = (profile.start_work or profile.start_seconds) if starts_worker else 0.0
            loads.append(ProcessLoad(seconds, pool.workers * pool.threads, start, pool.gpu))
    needed = sum(model.memory for model in models)
    memory = min(needed, machine.memory) if machine.memory is not None else needed
    if not loads and not remaining.parts:
        return JobForecast(machine, tuple(models), 0, 0, 0.0, 0, correction)
    loads.append(
        ProcessLoad(_REDUCE_ROW * remaining.rows, start=0.0 if machine.service else _CONTROL_START)
    )
    return JobForecast(
        machine,
        tuple(models),
        remaining.parts,
        remaining.rows,
        correction * (_OVERHEAD + total_seconds(loads, machine.cores, machine.gpus)),
        memory + _CONTROL_MEMORY,
        correction,
    )


def total_seconds(loads: list[ProcessLoad], cores: int, gpus: int = 0) -> float:
    """Return the seconds until the last load is done, if all start at once and share the cores.

    It is the larger of two bounds: all work over the cores, and the longest load by itself. Two
    cores; a transformer of one thread takes 2 s to start and 20 s to score, a bow 4 s and 1 s:

        all of it          (2 + 20 + 4 + 1) / 2 cores = 13.5 s
        the transformer    2 + 20 / 1 thread          = 22 s, so it is 22 s

    With two threads the transformer alone would take 12 s, and it is 13.5 s.
    """
    longest = max((load.start + load.work / load.threads for load in loads), default=0.0)
    on_cores = sum(load.start + (0.0 if load.gpu else load.work) for load in loads) / cores
    on_gpus = sum(load.work for load in loads if load.gpu) / max(1, gpus)
    return max(longest, on_cores, on_gpus)

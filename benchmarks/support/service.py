"""A warm service on this machine: a broker, the control worker and one worker a model, as `chorus
worker` runs them.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

from chorus.common.settings import Settings, child_environment, from_environment
from chorus.service.connection import broker_for, context_for
from storage.records.jobs import Job
from tasks.board.context import Context
from tasks.broker.broker_url import BrokerAddress
from workers.processes.child_process import ChildProcess, stop_all

_PATIENCE = 600.0  # seconds


@dataclass(frozen=True)
class Service:
    """What a benchmark needs to know of it."""

    settings: Settings
    broker: BrokerAddress
    context: Context
    workers: Mapping[str, ChildProcess]  # by model, and "control"

    def wait(self, job: Job, look_every: float = 0.002) -> None:
        """Until the job is done; so many seconds between two looks. Raises RuntimeError if it or a
        worker failed.
        """
        until = monotonic() + _PATIENCE
        models = [model.name for model in job.models]
        while monotonic() < until:
            progress = self.context.board.progress(job.id, models)
            if progress is not None and progress.status == "done":
                return
            ended = [worker for worker in self.workers.values() if worker.exit_status() is not None]
            if ended or (progress is not None and progress.status == "failed"):
                raise RuntimeError(f"{progress}; {[worker.log_tail() for worker in ended]}")
            sleep(look_every)
        raise RuntimeError(f"job {job.id} is not done after {_PATIENCE:.0f} s: {progress}")


@contextmanager
def home(registry: Path | None = None) -> Iterator[Path]:
    """An empty CHORUS_HOME that is gone afterwards; with the registry of another home, if one is
    given.
    """
    with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
        if registry is not None:
            Path(folder, "registry").symlink_to(registry)
        yield Path(folder)


@contextmanager
def service(
    root: Path | str, models: Mapping[str, int], environment: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """Workers for these models, each with its number of threads. They may still be starting: score
    something first.

    `environment` is added to that of the workers: {"CHORUS_PRECISION": "int8"}, say.
    """
    settings = replace(from_environment({**os.environ, "CHORUS_HOME": str(root)}), broker_url=None)
    with ExitStack() as stack:
        broker = stack.enter_context(broker_for(settings)).address
        workers: dict[str, ChildProcess] = {}
        inherited = {**child_environment(settings, broker), **(environment or {})}
        stack.callback(lambda: stop_all(list(workers.values()), 10.0))
        for name, arguments in _commands(models):
            command = [sys.executable, "-m", "chorus", "worker", *arguments]
            log = settings.run / "logs" / f"{name}.log"
            workers[name] = ChildProcess(name, command, log, inherited)
        yield Service(settings, broker, context_for(settings, broker), workers)


def _commands(models: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    yield "control", ["--control"]
    for model, threads in models.items():
        yield model, ["--model", model, "--threads", str(threads)]

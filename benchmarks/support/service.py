"""A warm service on this machine: a broker, the control worker and one worker for each model."""

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

_TIMEOUT = 600.0  # seconds


@dataclass(frozen=True)
class ServiceProcess:
    """A running service: its settings, broker and workers."""

    settings: Settings
    broker: BrokerAddress
    context: Context
    workers: Mapping[str, ChildProcess]  # by model, and "control"

    def wait_for_job(self, job: Job, poll_seconds: float = 0.002) -> None:
        """Poll until the job is done. Raises RuntimeError if the job or a worker failed."""
        deadline = monotonic() + _TIMEOUT
        models = [model.name for model in job.models]
        while monotonic() < deadline:
            progress = self.context.board.progress(job.id, models)
            if progress is not None and progress.status == "done":
                return
            stopped = [
                worker for worker in self.workers.values() if worker.exit_status() is not None
            ]
            if stopped or (progress is not None and progress.status == "failed"):
                raise RuntimeError(f"{progress}; {[worker.log_tail() for worker in stopped]}")
            sleep(poll_seconds)
        raise RuntimeError(f"job {job.id} is not done after {_TIMEOUT:.0f} s: {progress}")


@contextmanager
def temporary_root(registry: Path | None = None) -> Iterator[Path]:
    """Create an empty root and remove it afterwards; with another root's registry, if given."""
    with tempfile.TemporaryDirectory(prefix="chorus-bench-") as folder:
        if registry is not None:
            Path(folder, "registry").symlink_to(registry)
        yield Path(folder)


@contextmanager
def start_service(
    root: Path | str, models: Mapping[str, int], environment: Mapping[str, str] | None = None
) -> Iterator[ServiceProcess]:
    """Start the workers of these models, each with its number of threads.

    They may still be loading when this returns, so score something first. `environment` is added to
    the workers', for example {"CHORUS_PRECISION": "int8"}.
    """
    settings = replace(from_environment({**os.environ, "CHORUS_HOME": str(root)}), broker_url=None)
    with ExitStack() as stack:
        broker = stack.enter_context(broker_for(settings)).address
        workers: dict[str, ChildProcess] = {}
        inherited = {**child_environment(settings, broker), **(environment or {})}
        stack.callback(lambda: stop_all(list(workers.values()), 10.0))
        for name, arguments in _worker_arguments(models):
            command = [sys.executable, "-m", "chorus", "worker", *arguments]
            log = settings.run / "logs" / f"{name}.log"
            workers[name] = ChildProcess(name, command, log, inherited)
        yield ServiceProcess(settings, broker, context_for(settings, broker), workers)


def _worker_arguments(models: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    yield "control", ["--control"]
    for model, threads in models.items():
        yield model, ["--model", model, "--threads", str(threads)]

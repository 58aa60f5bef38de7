"""The actions of the scaling policy, which the pool manager carries out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StartWorker:
    """Start a worker of this model on this machine."""

    model: str
    threads: int
    device: str = "cpu"


@dataclass(frozen=True)
class StopWorker:
    """Stop this worker, which is idle and runs on this machine."""

    worker: str


@dataclass(frozen=True)
class PauseDispatch:
    """Dispatch no cells of this model for a moment, so that its workers become idle."""

    model: str


Action = StartWorker | StopWorker | PauseDispatch

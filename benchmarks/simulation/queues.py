"""State of each queue and each worker of the simulation."""

from collections import deque
from dataclasses import dataclass, field

from simulation.company import SimulatedJob

CELL = 4096  # rows


@dataclass
class QueuedJob:
    """The rows of one job that wait for one model."""

    job: SimulatedJob
    rows: int  # that no worker scores yet
    rate: float


@dataclass(eq=False)
class SimulatedWorker:
    """One worker."""

    id: int
    pool: "SimulatedPool"
    started: float
    state: str = "starting"
    since: float = 0.0
    cell: tuple[QueuedJob, int] | None = None
    stopping: bool = False  # stops when its cell is scored
    memory: float = 0.0  # GB
    counted: float = 0.0  # the result has its cost up to this time
    policy_data: object = None  # belongs to the policy


@dataclass(eq=False)
class SimulatedPool:
    """One queue and its workers."""

    name: str
    memory: float = 0.0  # GB a worker
    start_seconds: float = 0.0
    queues: tuple[deque[QueuedJob], ...] = field(
        default_factory=lambda: (deque(), deque(), deque())
    )
    rows: list[int] = field(default_factory=lambda: [0, 0, 0])  # by class, with those being scored
    cells: int = 0  # waiting
    oldest: float = 0.0
    served: float = 0.0
    paused: bool = False
    workers: list[SimulatedWorker] = field(default_factory=list)
    idle: list[SimulatedWorker] = field(default_factory=list)
    busy_seconds: float = 0.0  # of all workers, for policies that use utilisation

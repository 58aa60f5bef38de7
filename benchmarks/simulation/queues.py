"""What the simulation keeps of each queue and of each worker."""

from collections import deque
from dataclasses import dataclass, field

from simulation.company import Job

CELL = 4096  # rows


@dataclass
class Part:
    """What one job asks of one model."""

    job: Job
    left: int  # rows that are in no worker's hands
    rate: float


@dataclass(eq=False)
class Process:
    """One worker."""

    id: int
    pool: "Pool"
    started: float
    state: str = "starting"
    since: float = 0.0
    cell: tuple[Part, int] | None = None
    leaving: bool = False  # goes when its cell is scored
    memory: float = 0.0  # GB
    counted: float = 0.0  # until when its cost is in the result
    seen: object = None  # kept by the policy


@dataclass(eq=False)
class Pool:
    """A queue and its workers."""

    name: str
    memory: float = 0.0  # GB a worker
    start_seconds: float = 0.0
    queues: tuple[deque[Part], ...] = field(default_factory=lambda: (deque(), deque(), deque()))
    rows: list[int] = field(default_factory=lambda: [0, 0, 0])  # by class, in work included
    cells: int = 0  # not in work
    oldest: float = 0.0
    served: float = 0.0
    held: bool = False
    workers: list[Process] = field(default_factory=list)
    idle: list[Process] = field(default_factory=list)
    busy_seconds: float = 0.0  # of all workers, for whoever looks at utilisation

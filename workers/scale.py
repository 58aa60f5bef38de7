"""How many workers should each model have? Demand, pools, limits and budget in, actions out. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.demand import Demand
from tasks.roster import Worker
from workers.limits import Limits


@dataclass(frozen=True)
class Budget:
    """What the workers of one machine may take together."""

    machine: str  # workers of other machines count between min and max, and take nothing of this budget
    cores: int
    memory: int  # bytes
    gpus: tuple[str, ...] = ()  # cuda:0, cuda:1, …


@dataclass(frozen=True)
class Start:
    """Start a worker of this model on this machine."""

    model: str
    threads: int
    device: str = "cpu"


@dataclass(frozen=True)
class Stop:
    """Stop this worker, which is idle and on this machine."""

    worker: str


@dataclass(frozen=True)
class Hold:
    """Ask nothing new of this model for a moment, so that its workers fall idle and can make room for one that waits."""

    model: str


Action = Start | Stop | Hold


def scale(
    demand: Sequence[Demand],
    pools: Sequence[Worker],
    limits: Callable[[str], Limits],
    budget: Budget,
    now: float,
) -> list[Action]:
    raise NotImplementedError

"""The workers there are, on all machines, as the board knows them."""

from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "idle", "busy", "stopping"]


@dataclass(frozen=True)
class Worker:
    """One process of a pool."""

    id: str
    model: str
    machine: str
    state: State
    since: float  # when it came into this state, in seconds since 1970
    started: float  # when its process was started
    memory: int  # bytes: measured, or expected while it starts
    threads: int
    device: str = "cpu"  # or cuda:0, cuda:1, …

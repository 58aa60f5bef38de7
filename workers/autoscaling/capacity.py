"""A machine's budget, what is free of it, and which workers to stop if that is not enough. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_ROUNDING = 1e-9  # ten tenths of a GPU are a GPU


@dataclass(frozen=True)
class Budget:
    """The cores, memory and GPUs that the workers of one machine share."""

    machine: str  # workers of other machines use nothing of this budget
    cores: int
    memory: int  # bytes
    gpus: tuple[str, ...] = ()  # cuda:0, cuda:1, …


@dataclass(frozen=True)
class Need:
    """The memory, device and GPU share that one worker needs."""

    memory: int  # bytes
    # cpu, cuda:0, cuda:1, …; "cuda" is any GPU, for a worker that does not run yet
    device: str = "cpu"
    gpu: float = 0.0  # the share of that GPU


@dataclass(frozen=True)
class Capacity:
    """The free memory and GPUs of a machine; below zero where more is reserved than it has."""

    memory: int  # bytes
    gpus: Mapping[str, float]  # device → free share

    def fitting_device(self, need: Need) -> str | None:
        """Return the device that the worker fits on; None if it fits on none.

        Of several GPUs it is the one with the least free share, so that large shares stay whole.
        """
        if need.memory > self.memory:
            return None
        if need.device == "cpu":
            return "cpu"
        fitting = {
            gpu: free for gpu, free in self._usable(need).items() if need.gpu <= free + _ROUNDING
        }
        return min(fitting, key=lambda gpu: (fitting[gpu], gpu), default=None)

    def freest_device(self, need: Need) -> str:
        """Return the device with the largest free share: there the worker will fit first."""
        gpus = self._usable(need)
        return max(gpus, key=lambda gpu: (gpus[gpu], gpu), default="cpu")

    def reserve(self, need: Need) -> "Capacity":
        """Return the capacity less what the worker needs."""
        return self._add(need, -1)

    def release(self, need: Need) -> "Capacity":
        """Return the capacity plus what the worker needs."""
        return self._add(need, 1)

    def _add(self, need: Need, sign: int) -> "Capacity":
        gpus = self.gpus
        if need.device in gpus:
            gpus = {**gpus, need.device: gpus[need.device] + sign * need.gpu}
        return replace(self, memory=self.memory + sign * need.memory, gpus=gpus)

    def _usable(self, need: Need) -> dict[str, float]:
        """Return device → free share of the GPUs that the worker can use."""
        return {gpu: free for gpu, free in self.gpus.items() if need.device in ("cuda", gpu)}


def workers_to_stop(need: Need, capacity: Capacity, stoppable: Sequence[Need]) -> list[int]:
    """Return which workers to stop so that another fits, as indices of `stoppable`.

    The first ones stop first. Each one counts: without the end of any of them the other does not
    fit. Empty if it fits already, or if it would not fit even without all of them.
    """
    stopped: list[int] = []
    for index, worker in enumerate(stoppable):
        if capacity.fitting_device(need):
            break
        capacity = capacity.release(worker)
        stopped.append(index)
    if capacity.fitting_device(need) is None:
        return []
    for index in reversed(stopped):
        if capacity.reserve(stoppable[index]).fitting_device(need):
            capacity = capacity.reserve(stoppable[index])
            stopped.remove(index)
    return stopped

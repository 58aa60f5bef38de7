"""A worker's needs, a machine's remaining capacity, and which workers make room. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_ROUNDING = 1e-9  # ten tenths of a GPU are a GPU


@dataclass(frozen=True)
class Need:
    """The memory, device and GPU share that one worker needs."""

    memory: int  # bytes
    # or cuda:0, …; of a worker that has not been given one yet, cuda stands for any
    device: str = "cpu"
    gpu: float = 0.0  # the share of that GPU


@dataclass(frozen=True)
class Capacity:
    """The remaining capacity of a machine; below zero where more is reserved than it has."""

    memory: int
    gpus: Mapping[str, float]  # device: share

    def fitting_device(self, need: Need) -> str | None:
        """Return the device that the worker fits on; None if it fits on none.

        It is the GPU with the least free share that is enough, so that large shares stay in one
        piece.
        """
        if need.memory > self.memory:
            return None
        if need.device == "cpu":
            return "cpu"
        enough = {
            gpu: left for gpu, left in self._usable(need).items() if need.gpu <= left + _ROUNDING
        }
        return min(enough, key=lambda gpu: (enough[gpu], gpu), default=None)

    def freest_device(self, need: Need) -> str:
        """Return the device with the most room, where it will fit first once a worker stops."""
        gpus = self._usable(need)
        return max(gpus, key=lambda gpu: (gpus[gpu], gpu), default="cpu")

    def reserve(self, need: Need, sign: int = -1) -> "Capacity":
        """Return the capacity less what the worker needs."""
        gpus = self.gpus
        if need.device in gpus:
            gpus = {**gpus, need.device: gpus[need.device] + sign * need.gpu}
        return replace(self, memory=self.memory + sign * need.memory, gpus=gpus)

    def release(self, need: Need) -> "Capacity":
        """Return the capacity plus what the worker needs."""
        return self.reserve(need, sign=1)

    def _usable(self, need: Need) -> dict[str, float]:
        return {gpu: left for gpu, left in self.gpus.items() if need.device in ("cuda", gpu)}


def make_room(need: Need, room: Capacity, others: Sequence[Need]) -> list[int]:
    """Return which of the others have to stop, as indices; none if all together are not enough.

    The first ones stop first, and none in vain: without any one of them there is no room.
    """
    going: list[int] = []
    for place, other in enumerate(others):
        if room.fitting_device(need):
            break
        room = room.release(other)
        going.append(place)
    if room.fitting_device(need) is None:
        return []
    for place in reversed(going):
        if room.reserve(others[place]).fitting_device(need):
            room = room.reserve(others[place])
            going.remove(place)
    return going

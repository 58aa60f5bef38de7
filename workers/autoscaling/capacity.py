"""What a worker takes of a machine, what is left of it, and who has to go to make room. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_ROUNDING = 1e-9  # ten tenths of a GPU are a GPU


@dataclass(frozen=True)
class Need:
    """What one worker takes."""

    memory: int  # bytes
    # or cuda:0, …; of a worker that has not been given one yet, cuda stands for any
    device: str = "cpu"
    gpu: float = 0.0  # the share of that GPU


@dataclass(frozen=True)
class Capacity:
    """What is left. Below zero where more was set aside than there is."""

    memory: int
    gpus: Mapping[str, float]  # device: share

    def device(self, need: Need) -> str | None:
        """Where it fits: on the GPU with the least room that is enough, so that large shares stay
        together. Or None.
        """
        if need.memory > self.memory:
            return None
        if need.device == "cpu":
            return "cpu"
        enough = {
            gpu: left for gpu, left in self._usable(need).items() if need.gpu <= left + _ROUNDING
        }
        return min(enough, key=lambda gpu: (enough[gpu], gpu), default=None)

    def widest(self, need: Need) -> str:
        """Where it will fit first, when somebody goes."""
        gpus = self._usable(need)
        return max(gpus, key=lambda gpu: (gpus[gpu], gpu), default="cpu")

    def reserve(self, need: Need, sign: int = -1) -> "Capacity":
        gpus = self.gpus
        if need.device in gpus:
            gpus = {**gpus, need.device: gpus[need.device] + sign * need.gpu}
        return replace(self, memory=self.memory + sign * need.memory, gpus=gpus)

    def release(self, need: Need) -> "Capacity":
        return self.reserve(need, sign=1)

    def _usable(self, need: Need) -> dict[str, float]:
        return {gpu: left for gpu, left in self.gpus.items() if need.device in ("cuda", gpu)}


def make_room(need: Need, room: Capacity, others: Sequence[Need]) -> list[int]:
    """Which of the others have to go, by their places in the list; none if all of them together are
    not enough.

    Those in front go first, and nobody goes in vain: without any one of those named there is no
    room.
    """
    going: list[int] = []
    for place, other in enumerate(others):
        if room.device(need):
            break
        room = room.release(other)
        going.append(place)
    if room.device(need) is None:
        return []
    for place in reversed(going):
        if room.reserve(others[place]).device(need):
            room = room.reserve(others[place])
            going.remove(place)
    return going

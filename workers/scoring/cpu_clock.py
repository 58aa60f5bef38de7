"""A clock of elapsed time and of processor time."""

from dataclasses import dataclass
from time import monotonic, process_time
from typing import Self


@dataclass(frozen=True)
class CpuClock:
    """Seconds on both clocks; only differences have a meaning."""

    wall: float = 0.0
    processor: float = 0.0  # of all threads of this process

    @classmethod
    def now(cls) -> Self:
        """Read both clocks."""
        return cls(monotonic(), process_time())

    def since(self, *earlier: Self) -> Self:
        """Return the seconds since the latest of several times."""
        return type(self)(
            self.wall - max(time.wall for time in earlier),
            self.processor - max(time.processor for time in earlier),
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(self.wall + other.wall, self.processor + other.processor)

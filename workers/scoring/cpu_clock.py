"""Seconds that a process has used so far: elapsed, and of processors."""

from dataclasses import dataclass
from time import monotonic, process_time
from typing import Self


@dataclass(frozen=True)
class CpuClock:
    """Seconds; only differences have a meaning."""

    wall: float = 0.0
    processor: float = 0.0  # of all threads of this process

    @classmethod
    def now(cls) -> Self:
        """Return the seconds until now."""
        return cls(monotonic(), process_time())

    def since(self, *before: Self) -> Self:
        """Return the seconds since the latest of these."""
        return type(self)(
            self.wall - max(one.wall for one in before),
            self.processor - max(one.processor for one in before),
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(self.wall + other.wall, self.processor + other.processor)

"""The limits of a pool. The defaults need no file; chorus.toml changes them.

See workers.config.limits_file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one model's pool, over all machines."""

    min: int = 0  # workers that stay warm
    max: int | None = None  # None: as many as the budget holds
    # seconds that the last idle worker beyond `min` stays; others go sooner
    keep_warm: float = 120.0
    drain: float = 60.0  # seconds in which the backlog should be gone
    threads: int | None = None  # that one worker computes with; None: chosen by whoever starts it
    memory: int | None = None  # bytes that one worker takes; None: measured
    device: str = "auto"  # as CHORUS_DEVICE
    gpu: float = 1.0  # the share of a GPU that one worker takes, where it takes one

    def planned_memory(self, measured: int) -> int:
        """Return the bytes to plan for a worker: the declared, or the measured if it is more."""
        return max(measured, self.memory or 0)

"""The limits of a model's pool. The defaults need no file; chorus.toml changes them.

See workers.config.limits_file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one model's pool, over all machines."""

    min: int = 0  # workers that run at all times
    max: int | None = None  # None: as many as the machines' budgets allow
    # seconds that the last idle worker beyond `min` stays; others stop sooner
    keep_warm: float = 120.0
    drain: float = 60.0  # seconds in which the waiting rows should be scored
    threads: int | None = None  # of one worker; None: the code that starts the worker chooses
    memory: int | None = None  # bytes of one worker; None: as measured
    device: str = "auto"  # as CHORUS_DEVICE
    gpu: float = 1.0  # the share of a GPU that one worker takes if it uses one

    def planned_memory(self, measured: int) -> int:
        """Return the bytes to plan for a worker: the declared, or the measured if it is more."""
        return max(measured, self.memory or 0)

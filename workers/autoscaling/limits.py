"""What a pool may be. Defaults need no file; chorus.toml changes them, see
workers.config.limits_file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Of one model's pool, over all machines."""

    min: int = 0  # workers that stay warm
    max: int | None = None  # None: as many as the budget holds
    # seconds that the last idle worker beyond `min` stays; others go sooner
    keep_warm: float = 120.0
    drain: float = 60.0  # seconds in which the backlog should be gone
    threads: int | None = None  # that one worker computes with; None: chosen by whoever starts it
    memory: int | None = None  # bytes that one worker takes; None: measured
    device: str = "auto"  # as CHORUS_DEVICE
    gpu: float = 1.0  # the share of a GPU that one worker takes, where it takes one

    def counts_with(self, measured: int) -> int:
        """Bytes that are planned for one worker: what is declared, or what was measured where that
        is more.
        """
        return max(measured, self.memory or 0)

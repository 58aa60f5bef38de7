"""The liveness file CHORUS_RUN/alive: a probe reads its time as the time of the last progress.

A process touches it when a step is done, and when there is nothing to do. No timer touches it,
because the timer of a stuck process goes on.
"""

from pathlib import Path

FILE_NAME = "alive"


def touch_liveness_file(run: Path) -> None:
    """Record that there was progress now. `run` is CHORUS_RUN."""
    run.mkdir(parents=True, exist_ok=True)
    (run / FILE_NAME).touch()

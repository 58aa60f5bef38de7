"""The liveness file CHORUS_RUN/alive, whose time a probe reads: a sign of progress.

A process touches it when a step is done, and when it finds that there is nothing to do. No timer
touches it: that of a stuck process would go on.
"""

from pathlib import Path

FILE_NAME = "alive"


def touch_liveness_file(run: Path) -> None:
    """Note that there was progress now. `run` is CHORUS_RUN."""
    run.mkdir(parents=True, exist_ok=True)
    (run / FILE_NAME).touch()

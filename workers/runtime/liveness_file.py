"""A sign of life that is a sign of progress: the time of the file CHORUS_RUN/alive, which a probe
looks at.

Whoever works touches it when a step is done, and when it finds that there is nothing to do. Not
from a timer: a process that is stuck would go on ticking.
"""

from pathlib import Path

FILE = "alive"


def touch(run: Path) -> None:
    """Say that there was progress just now. `run` is CHORUS_RUN."""
    run.mkdir(parents=True, exist_ok=True)
    (run / FILE).touch()

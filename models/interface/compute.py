"""What a scorer may compute with: the same for every kind, which leaves aside what it has no use
for.
"""

from dataclasses import dataclass
from pathlib import Path

from models.interface.device import AUTO
from models.interface.precision import Precision


@dataclass(frozen=True)
class Compute:
    """The defaults choose by themselves."""

    device: str = AUTO  # of a transformer, see models.interface.device
    threads: int | None = None  # most cores to compute on; None: all
    # of a transformer, the coarsest that may be used: see models.interface.precision
    precision: Precision = "int8"
    cache: Path | None = None  # folder for compiled networks, which makes the next start faster

"""The options of a scorer: device, threads, precision, cache."""

from dataclasses import dataclass
from pathlib import Path

from models.interface.device import AUTO
from models.interface.precision import Precision


@dataclass(frozen=True)
class Compute:
    """The options of a scorer. A kind ignores those that it has no use for."""

    device: str = AUTO  # for kinds that use a GPU, see models.interface.device
    threads: int | None = None  # most cores to compute on; None: all
    precision: Precision = "int8"  # the coarsest allowed, see models.interface.precision
    cache: Path | None = None  # folder for compiled networks, which makes the next start faster

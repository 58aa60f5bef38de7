"""How much memory a process took."""

import resource
import sys
from pathlib import Path


def peak_memory() -> int:
    """The most bytes that this process had in memory so far."""
    status = Path("/proc/self/status")
    # of this process alone, where getrusage knows what its parent had before it became this
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

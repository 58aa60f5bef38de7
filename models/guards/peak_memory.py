"""The memory of this process."""

import resource
import sys
from pathlib import Path


def peak_memory() -> int:
    """Return the most bytes that this process has had in memory so far."""
    status = Path("/proc/self/status")
    # It counts this process alone. getrusage also counts its parent before the exec.
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

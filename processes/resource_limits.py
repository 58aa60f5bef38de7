"""Limits that the kernel sets to this process, so that native code keeps them as well."""

import resource
from contextlib import suppress
from pathlib import Path

_STATUS = Path("/proc/self/status")


def limit_memory(extra: int) -> None:
    """Let this process allocate at most so many more bytes than it has now.

    Beyond them, allocations fail: MemoryError in Python, std::bad_alloc in C++. Only Linux counts
    the memory that is mapped; elsewhere this has little effect.
    """
    _set_soft_limit(resource.RLIMIT_DATA, _data_bytes() + extra)


def lift_memory_limit() -> None:
    """Allow as much memory again as before `limit_memory`, to report that it was too little."""
    _set_soft_limit(resource.RLIMIT_DATA, resource.RLIM_INFINITY)


def limit_processor_time(seconds: int) -> None:
    """Let the kernel end this process (SIGXCPU) after so many more seconds of computing."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft_limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


def forbid_core_dumps() -> None:
    """Let a crash leave no file: it would hold feedback."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _set_soft_limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY and (value > hard or value == resource.RLIM_INFINITY):
        value = hard
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (value, hard))


def _data_bytes() -> int:
    """Return the bytes that RLIMIT_DATA counts: private memory that may be written to."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0

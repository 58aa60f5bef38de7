"""A child process that ends when its parent does."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> Callable[[], None] | None:
    """Return what a child has to call, so that the kernel ends it together with its parent.

    The parent is the thread that started the child. The call is safe between fork and exec, because
    the library it needs is loaded here. Return None on systems without such a call.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    # Not SIGTERM: a worker that finishes its message first would wait for a broker that is ending
    # as well.
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

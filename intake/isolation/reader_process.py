"""The start of the process that reads an upload; light, to run before other imports."""

from collections.abc import Callable
from multiprocessing.connection import Connection

from processes.piped_process import PipedProcess


def start_reader_process(initializer: Callable[[], None] | None = None) -> PipedProcess:
    """Start a process that reads one upload, for IsolatedReader; it calls `initializer` first.

    It imports its libraries while this process imports its own, which takes half a second each.
    """
    return PipedProcess(_serve, (), initializer)


def _serve(pipe: Connection) -> None:
    from intake.isolation.serve import serve

    serve(pipe)

"""A child process that answers through a pipe, for work that may crash, hang or grow.

The parent sends messages and waits for answers; the child is a function with its end of the pipe.
There are three errors instead of an answer: the child ended (ProcessEnded), took longer than its
limit (ProcessTimedOut), or sent something other than the parent expects (UnexpectedAnswer).
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from processes.end_with_parent import end_with_parent

T = TypeVar("T")


class ProcessFailed(Exception):
    """A process without a valid answer. The text is the reason, for people."""


class ProcessEnded(ProcessFailed):
    """A process that ended instead of answering."""

    def __init__(self, status: int | None) -> None:
        self.status = status  # negative: the signal that ended it
        super().__init__(
            f"ended by signal {signal.Signals(-status).name}"
            if status is not None and status < 0
            else f"ended its process with status {status}"
        )


class ProcessTimedOut(ProcessFailed):
    """A process that took longer than its limit, and was ended."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"took longer than {seconds:g} s")


class UnexpectedAnswer(ProcessFailed):
    """An answer of another type, or one that cannot be unpickled. The process was ended."""


class PipedProcess:
    """A process that this thread starts, and that ends with it.

    It is a fresh interpreter: a copy of this process would be as large, would hold the locks of its
    threads, and could not use CUDA.
    """

    def __init__(
        self,
        target: Callable[..., None],
        arguments: tuple[Any, ...],
        initializer: Callable[[], None] | None = None,
    ) -> None:
        """Start the process. It calls `initializer`, then `target` with a pipe and `arguments`."""
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(initializer, target, theirs, arguments), daemon=True
        )
        self._process.start()
        theirs.close()  # so that the end of the process closes the pipe

    @property
    def pid(self) -> int | None:
        """The id of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.is_alive()

    def send(self, message: object) -> None:
        """Send a message. If the process has ended, receive says so."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._pipe.send(message)

    def receive(self, seconds: float, *expected: type) -> Any:
        """Wait up to `seconds` for the next answer, which has one of the expected types.

        Raises ProcessEnded, ProcessTimedOut, UnexpectedAnswer.
        """
        try:
            answer = self._receive(seconds, self._pipe.recv)
        except ProcessFailed:
            raise
        except Exception as error:  # whatever unpickling raises
            self._end()
            raise UnexpectedAnswer(f"answered with something unreadable: {error}") from error
        if not isinstance(answer, expected):
            self._end()
            raise UnexpectedAnswer(f"answered with a {type(answer).__name__}")
        return answer

    def receive_bytes(self, seconds: float) -> bytes:
        """Wait up to `seconds` for the next bytes, which are not unpickled.

        Raises ProcessEnded, ProcessTimedOut.
        """
        return self._receive(seconds, self._pipe.recv_bytes)

    def _receive(self, seconds: float, receive: Callable[[], T]) -> T:
        if not self._pipe.poll(seconds):
            self._end()
            raise ProcessTimedOut(seconds)
        try:
            return receive()
        except (EOFError, OSError):
            self._process.join()
            raise ProcessEnded(self._process.exitcode) from None

    def stop(self) -> None:
        """End the process, if it has not ended, and close the pipe."""
        self._end()
        self._pipe.close()

    def _end(self) -> None:
        self._process.kill()
        self._process.join()


def _run(
    initializer: Callable[[], None] | None,
    target: Callable[..., None],
    pipe: Connection,
    arguments: tuple[Any, ...],
) -> None:
    """Run in the child. A parent that is gone is no error."""
    _ignore_the_terminal()
    if initializer is not None:
        initializer()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        target(pipe, *arguments)


def _ignore_the_terminal() -> None:
    """Let only the parent end this process.

    Ctrl-C, or a signal to a whole process group, must not look like a crash of the child's work.
    """
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    bind_to_parent = end_with_parent()
    if bind_to_parent is not None:
        bind_to_parent()

"""A log file that several processes append to: one write a line, and a new file when it is full."""

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 32 << 20  # of a log file; then it becomes NAME.log.1, and the one before that goes
STDOUT, STDERR = 1, 2


class LogFile(logging.Handler):
    """A handler that appends to a file, which is made when the first line is written.

    The lines of a child process go to its standard error, which its parent opened: with
    `descriptor` the handler writes there, and moves it to the new file.
    """

    def __init__(self, path: Path, descriptor: int | None = None) -> None:
        super().__init__()
        self._path, self._descriptor = path, descriptor

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record. A full disk or a folder that cannot be written loses the line."""
        try:
            data = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            self._rotate_if_full()
            os.write(self._open(), data)
        except OSError:
            pass
        except Exception:  # as every handler: whatever is wrong with a line, the work goes on
            self.handleError(record)

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = _open_for_appending(self._path)
        return self._descriptor

    def _rotate_if_full(self) -> None:
        descriptor = self._open()
        if os.fstat(descriptor).st_size < MAX_BYTES:
            return
        with suppress(FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed; one process renames it
            if os.path.samestat(os.fstat(descriptor), self._path.stat()):
                self._path.rename(old_file(self._path))
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        self._move_to_new_file(descriptor)

    def _move_to_new_file(self, descriptor: int) -> None:
        """Let the descriptor, and standard output if it is the same file, lead to the new one."""
        new, old = _open_for_appending(self._path), os.fstat(descriptor)
        for number in {descriptor, STDOUT}:
            if os.path.samestat(os.fstat(number), old):
                os.dup2(new, number)
        os.close(new)


def old_file(path: Path) -> Path:
    """Return the name of a full log file."""
    return path.with_name(f"{path.name}.1")


def is_descriptor_of(path: Path, descriptor: int) -> bool:
    """Return whether what is written to the descriptor goes to this file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _open_for_appending(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

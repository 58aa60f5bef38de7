"""The log files of this machine: the lines of one job, and those that are written later."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from chorus.logs.log_file import old_file
from chorus.logs.log_line import INDENT, LogLine, parse_line

_WARNINGS = (b"WARNING", b"ERROR", b"CRITICAL")
_INDENT = INDENT.encode()


class LogFolder:
    """Finds the lines of one job in the files of a folder; the second call finds later ones.

    Warnings about a worker of the job count too: that it has ended, and its work is queued again.
    """

    def __init__(self, folder: Path, job: str) -> None:
        self._folder, self._job = folder, job
        self._open: dict[Path, _OpenLog] = {}
        self._workers = set[object]()
        self._first, self._last = "9", "0"  # times of the job's lines
        self._warnings: list[LogLine] = []  # about workers that may turn out to be the job's

    def read_lines(self) -> list[LogLine]:
        """Return the job's lines that were written since the last call, the earliest first."""
        lines: list[LogLine] = []
        for path in sorted(self._folder.glob("*.log")):
            if path not in self._open:
                self._open[path] = _OpenLog(path, self._job)
            for line in self._open[path].read_lines():
                (lines if "job" in line.fields else self._warnings).append(line)
        for line in lines:
            self._workers.add(line.fields.get("worker"))
            self._first, self._last = min(self._first, line.time), max(self._last, line.time)
        warnings = [line for line in self._warnings if self._concerns_job(line)]
        self._warnings = [line for line in self._warnings if not self._concerns_job(line)]
        return sorted([*lines, *warnings], key=lambda line: line.time)

    def _concerns_job(self, warning: LogLine) -> bool:
        """Return whether a warning is about a worker of the job, and between the job's lines."""
        return (
            warning.fields["worker"] in self._workers and self._first <= warning.time <= self._last
        )

    def close(self) -> None:
        """Close the files."""
        for log in self._open.values():
            log.close()


class _OpenLog:
    """A log file that is read to its end, again and again, also when it becomes another file."""

    def __init__(self, path: Path, job: str) -> None:
        self._path, self._job = path, job
        self._marks = (job.encode(), *_WARNINGS)
        self._files: list[IO[bytes]] = []
        self._unfinished = b""
        old = old_file(path)
        if old.exists():
            self._files.append(old.open("rb"))
        self._files.append(path.open("rb"))

    def read_lines(self) -> Iterator[LogLine]:
        """Yield the job's new lines, and the warnings about any worker that name no job."""
        while self._is_replaced():
            self._files.append(self._path.open("rb"))
        current: LogLine | None = None
        for raw in self._raw_lines():
            if raw.startswith(_INDENT):
                if current is not None:
                    more = raw[len(_INDENT) :].decode("utf-8", "replace")
                    current = replace(current, traceback=f"{current.traceback}\n{more}".strip("\n"))
                continue
            if current is not None:
                yield current
            current = self._select(raw)
        if current is not None:
            yield current

    def _select(self, raw: bytes) -> LogLine | None:
        """Return a line of the job, or a warning about a worker; None for any other."""
        if not any(mark in raw for mark in self._marks):
            return None
        line = parse_line(raw.decode("utf-8", "replace"))
        if line is None:
            return None
        if "job" in line.fields:
            return line if line.fields["job"] == self._job else None
        return line if line.level != "INFO" and "worker" in line.fields else None

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _raw_lines(self) -> Iterator[bytes]:
        """Yield the complete lines that were written since the last call, without newline."""
        while True:
            for line in self._files[0]:
                line = self._unfinished + line
                self._unfinished = b""
                if not line.endswith(b"\n"):
                    self._unfinished = line
                else:
                    yield line[:-1]
            if len(self._files) == 1:
                return
            self._files.pop(0).close()
            self._unfinished = b""

    def _is_replaced(self) -> bool:
        """Return whether the path leads to a newer file than the last that was opened."""
        try:
            current = self._path.stat()
        except FileNotFoundError:
            return False
        return not os.path.samestat(current, os.fstat(self._files[-1].fileno()))

"""The log files of this machine: the lines of one job, and those that are written later."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from chorus.logs.log_file import old_file
from chorus.logs.log_line import LogLine, is_continuation, parse_line


class LogFolder:
    """Finds the lines of one job in the files of a folder; the second call finds later ones."""

    def __init__(self, folder: Path, job: str) -> None:
        self._folder, self._job = folder, job
        self._open: dict[Path, _OpenLog] = {}

    def read_lines(self) -> list[LogLine]:
        """Return the job's lines that were written since the last call, the earliest first."""
        lines: list[LogLine] = []
        for path in sorted(self._folder.glob("*.log")):
            if path not in self._open:
                self._open[path] = _OpenLog(path, self._job)
            lines += self._open[path].read_lines()
        return sorted(lines, key=lambda line: line.time)

    def close(self) -> None:
        """Close the files."""
        for log in self._open.values():
            log.close()


class _OpenLog:
    """A log file that is read to its end, again and again, also when it becomes another file."""

    def __init__(self, path: Path, job: str) -> None:
        self._path, self._job = path, job
        self._files: list[IO[bytes]] = []
        self._unfinished = b""
        old = old_file(path)
        if old.exists():
            self._files.append(old.open("rb"))
        self._files.append(path.open("rb"))

    def read_lines(self) -> Iterator[LogLine]:
        """Yield the job's new lines."""
        while self._is_replaced():
            self._files.append(self._path.open("rb"))
        current: LogLine | None = None
        for raw in self._raw_lines():
            if current is not None and is_continuation(raw):
                current = replace(current, traceback=f"{current.traceback}\n{raw[4:]}".strip("\n"))
                continue
            if current is not None:
                yield current
            parsed = parse_line(raw) if self._job in raw else None
            current = parsed if parsed and parsed.fields.get("job") == self._job else None
        if current is not None:
            yield current

    def close(self) -> None:
        for file in self._files:
            file.close()

    def _raw_lines(self) -> Iterator[str]:
        """Yield the complete lines that were written since the last call, without newline."""
        while True:
            for line in self._files[0]:
                line = self._unfinished + line
                self._unfinished = b""
                if not line.endswith(b"\n"):
                    self._unfinished = line
                else:
                    yield line[:-1].decode("utf-8", "replace")
            if len(self._files) == 1:
                return
            self._files.pop(0).close()
            self._unfinished = b""

    def _is_replaced(self) -> bool:
        """Return whether the path leads to a newer file than the last that was opened."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return not os.path.samestat(there, os.fstat(self._files[-1].fileno()))

"""The progress of taking a file in, on standard error: a bar on a terminal, else plain lines."""

import time
from collections.abc import Callable
from typing import Self

from rich import progress as bars

from chorus.common.console import print_notice, stderr_console
from chorus.common.escape import escape_lines
from intake.isolation.reading_progress import ReadingProgress

_QUIET_SECONDS = 2.0  # a file that takes less is not worth a line
_LINE_SECONDS = 5.0  # between two plain lines


class IntakeProgress:
    """Shows the progress of each file, until the block that this is the context of ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the clock; nothing is shown in the first two seconds."""
        self._console, self._clock = stderr_console(), clock
        self._display: bars.Progress | None = None
        self._next_line_at = clock() + _QUIET_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._display.stop()

    def __call__(self, progress: ReadingProgress) -> None:
        """Show how much of a file was read."""
        now = self._clock()
        if now < self._next_line_at:
            return
        if self._console.is_terminal:
            self._show_bar(progress)
        else:
            self._next_line_at = now + _LINE_SECONDS
            print_notice(describe(progress))

    def _show_bar(self, progress: ReadingProgress) -> None:
        if self._display is None:
            text = bars.TextColumn("{task.description}", markup=False)
            self._display = bars.Progress(
                text, bars.BarColumn(), console=self._console, transient=True
            )
            self._display.add_task("", total=progress.size)
            self._display.start()
        description = escape_lines(describe(progress))
        self._display.update(
            self._display.task_ids[0], completed=progress.bytes_read, description=description
        )


def describe(progress: ReadingProgress) -> str:
    """Return the line for people.

    >>> describe(ReadingProgress("big.csv", 120_000, 12_300_000, 101_700_000))
    'reading big.csv: 120,000 rows, 12 of 102 MB'
    """
    done = f"{progress.bytes_read / 1e6:,.0f} of {progress.size / 1e6:,.0f} MB"
    if not progress.rows:
        return f"checking {progress.name}: {done}"
    return f"reading {progress.name}: {progress.rows:,} rows, {done}"

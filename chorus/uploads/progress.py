"""The progress of a job on standard error: bars on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as bars
from rich.console import Console  # noqa: TID251 — only its type

from chorus.common.console import print_notice, stderr_console
from chorus.service.run_job import ShowProgress
from storage.records.feedback import Dataset
from storage.records.jobs import Job
from tasks.board.job_facts import Progress, rows_in_chunks

_LINE_SECONDS = 5.0  # between two plain lines


@contextmanager
def show_progress(job: Job, dataset: Dataset) -> Iterator[ShowProgress]:
    """Yield the function to call with every progress of the job."""
    console = stderr_console()
    if console.is_terminal:
        with _bars(console) as display:
            yield _Bars(display, job, dataset)
    else:
        yield _Lines(dataset)


def _bars(console: Console) -> bars.Progress:
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
        console=console,
        transient=True,
    )


class _Bars:
    """A bar for each model and one for the labelled rows."""

    def __init__(self, display: bars.Progress, job: Job, dataset: Dataset) -> None:
        self._display, self._dataset = display, dataset
        self._started = time.monotonic()
        self._first_rows: dict[str, int] = {}
        names = [*job.model_names, "labelled"]
        self._bars = {name: display.add_task(name, total=dataset.rows, rate="") for name in names}

    def __call__(self, progress: Progress) -> None:
        for name, chunks in {**progress.scored, "labelled": progress.parts}.items():
            rows = rows_in_chunks(chunks, self._dataset)
            # rows that an earlier run scored do not count for the rate
            new_rows = rows - self._first_rows.setdefault(name, rows)
            rate = new_rows / max(1e-9, time.monotonic() - self._started)
            self._display.update(
                self._bars[name], completed=rows, rate=f"{rate:,.0f} rows/s" if new_rows else ""
            )


class _Lines:
    """A line when the progress has changed, at most every few seconds."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._started = self._printed_at = time.monotonic()
        self._printed: Progress | None = None
        self._first_rows: int | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        early = self._printed is not None and now - self._printed_at < _LINE_SECONDS
        if progress == self._printed or early:
            return
        self._printed, self._printed_at = progress, now
        labelled, rows = rows_in_chunks(progress.parts, self._dataset), self._dataset.rows
        if self._first_rows is None:
            self._first_rows = labelled
        rate = (labelled - self._first_rows) / max(1e-9, now - self._started)
        left = f", {(rows - labelled) / rate:,.0f} s left" if rate else ""
        models = ", ".join(
            f"{name} {rows_in_chunks(chunks, self._dataset):,}"
            for name, chunks in progress.scored.items()
        )
        line = f"labelled {labelled:,} of {rows:,} rows, {rate:,.0f} rows/s{left}"
        print_notice(f"{line} (scored: {models})")

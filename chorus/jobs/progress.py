"""How far a job is, for people: a live display on a terminal, plain lines elsewhere, both on
standard error.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from storage.records.feedback import Dataset
from storage.records.jobs import Job
from tasks.board.board import Progress as State
from tasks.board.job_facts import rows_in_chunks

_LINE_EVERY = 5.0  # seconds between two plain lines


@contextmanager
def show_progress(
    job: Job, dataset: Dataset, console: Console
) -> Iterator[Callable[[State], None]]:
    """Yields the function to call with every state of the board."""
    if console.is_terminal:
        with _live(console) as progress:
            yield _Live(progress, job, dataset)
    else:
        yield _Plain(console, dataset)


def _live(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


class _Live:
    """A bar a model and one for the labelled rows."""

    def __init__(self, progress: Progress, job: Job, dataset: Dataset) -> None:
        self._progress, self._dataset = progress, dataset
        self._began = time.monotonic()
        self._first: dict[str, int] = {}
        names = [*(model.name for model in job.models), "labelled"]
        self._bars = {name: progress.add_task(name, total=dataset.rows, rate="") for name in names}

    def __call__(self, state: State) -> None:
        for name, chunks in {**state.scored, "labelled": state.parts}.items():
            rows = rows_in_chunks(chunks, self._dataset)
            # what an earlier run scored says nothing of the rate
            fresh = rows - self._first.setdefault(name, rows)
            rate = fresh / max(1e-9, time.monotonic() - self._began)
            self._progress.update(
                self._bars[name], completed=rows, rate=f"{rate:,.0f} rows/s" if fresh else ""
            )


class _Plain:
    """A line when something changed, at most every few seconds."""

    def __init__(self, console: Console, dataset: Dataset) -> None:
        self._console, self._dataset = console, dataset
        self._began = self._last = time.monotonic()
        self._said: State | None = None
        self._first: int | None = None

    def __call__(self, state: State) -> None:
        now = time.monotonic()
        if state == self._said or (self._said is not None and now - self._last < _LINE_EVERY):
            return
        self._said, self._last = state, now
        labelled = rows_in_chunks(state.parts, self._dataset)
        if self._first is None:
            self._first = labelled
        rate = (labelled - self._first) / max(1e-9, now - self._began)
        left = f", {(self._dataset.rows - labelled) / rate:,.0f} s left" if rate else ""
        models = ", ".join(
            f"{name} {rows_in_chunks(chunks, self._dataset):,}"
            for name, chunks in state.scored.items()
        )
        self._console.print(
            f"labelled {labelled:,} of {self._dataset.rows:,} rows, {rate:,.0f} rows/s{left} (scored: {models})",
            highlight=False,
            soft_wrap=True,
        )

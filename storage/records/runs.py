"""Runs, which label datasets of a customer again: `runs/<customer>/<run>/run.json`.

When a run ends, `ended.json` is written beside it. The empty file `runs/<customer>/_open/<run>`
marks an open run, so that the open runs are found without reading all runs.
"""

import logging
from datetime import datetime
from typing import Literal

from storage.errors import ChorusError
from storage.names import check_name
from storage.places.place import Absent, Place
from storage.record import Record
from storage.records.labelled_output import EnsembleVersion, ModelVersion

_OPEN = "_open"

log = logging.getLogger(__name__)


class RunJob(Record):
    """One dataset of a run, and the job that labels it."""

    dataset: str
    job: str
    keep_text: bool
    keep_columns: bool


class Run(Record):
    """Datasets to label under one ensemble version and its resolved model versions.

    Of `jobs`, those that were done before the run started come first. Then come the others, that of
    the oldest dataset first.
    """

    customer: str
    name: str
    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    jobs: tuple[RunJob, ...]
    keep: int  # earlier labels of each dataset that `prune` keeps
    started_at: datetime
    since: datetime | None = None  # only datasets uploaded at or after this time
    until: datetime | None = None  # and before this time


class RunEnd(Record):
    """The end of a run. Only a done run has changed the active labels.

    Superseded: labels that were requested later are active for all of its datasets.
    """

    status: Literal["done", "failed", "superseded"]
    error: str = ""
    at: datetime


def create_run(place: Place, run: Run) -> Run:
    """Write the run, or return the existing one of this name. Raises CannotWrite, BadName."""
    # The mark comes first: a run without it would never be found.
    place.create(_open_path(run.customer, run.name), b"", durable=True)
    if place.create(_path(run.customer, run.name, "run"), run.encode(), durable=True):
        return run
    return read_run(place, run.customer, run.name)


def read_run(place: Place, customer: str, name: str) -> Run:
    """Read a run. Raises Absent, BadRecord, BadName."""
    path = _path(customer, name, "run")
    return Run.decode(place.read(path), place.url_of(path))


def end_run(place: Place, run: Run, end: RunEnd) -> None:
    """Record the end of a run; an earlier recorded end stays. Raises CannotWrite."""
    place.create(_path(run.customer, run.name, "ended"), end.encode(), durable=True)
    place.remove(_open_path(run.customer, run.name))


def read_run_end(place: Place, customer: str, name: str) -> RunEnd | None:
    """Read a run's end; None while it is open. Raises BadRecord, BadName."""
    path = _path(customer, name, "ended")
    try:
        return RunEnd.decode(place.read(path), place.url_of(path))
    except Absent:
        return None


def open_runs(place: Place, customer: str) -> list[Run]:
    """Return the readable runs that have not ended, by name. Raises BadName."""
    runs = []
    for name in place.names(f"runs/{check_name('customer', customer)}/{_OPEN}"):
        try:
            if read_run_end(place, customer, name) is None:
                runs.append(read_run(place, customer, name))
        except Absent:  # its process is about to write it, or died before
            continue
        except ChorusError as error:
            log.warning(
                "skipping a run that cannot be read: %s",
                error,
                extra={"customer": customer, "run": name},
            )
    return runs


def run_names(place: Place, customer: str) -> list[str]:
    """Return the names of all runs of a customer."""
    return [
        name for name in place.names(f"runs/{check_name('customer', customer)}") if name != _OPEN
    ]


def remove_run(place: Place, customer: str, name: str) -> None:
    """Remove the records of a run that has ended."""
    place.remove(_open_path(customer, name))
    place.clear(f"runs/{check_name('customer', customer)}/{check_name('run', name)}")


def _path(customer: str, name: str, file: str) -> str:
    return f"runs/{check_name('customer', customer)}/{check_name('run', name)}/{file}.json"


def _open_path(customer: str, name: str) -> str:
    return f"runs/{check_name('customer', customer)}/{_OPEN}/{check_name('run', name)}"

"""Jobs: `jobs/<job>/job.json` with every version resolved, written once and never edited.

Beside it is `ended.json` once the job does not continue by itself; resuming the job removes it.
"""

import json
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from storage.errors import ChorusError
from storage.names import check_name, digest
from storage.places.concurrent import map_concurrently
from storage.places.open_place import open_place
from storage.places.place import Absent, Place
from storage.record import Record
from storage.records.feedback import Dataset
from storage.records.labelled_output import EnsembleVersion, ModelVersion

Priority = Literal["live", "bulk", "nightly"]

log = logging.getLogger(__name__)


class StartupStages(Record):
    """Seconds from a job's arrival to a model's first scores for it, by stage."""

    # until somebody started a worker, or until a worker that was there took the cell
    waiting: float
    starting: float  # of the worker's process
    loading: float  # of the model
    scoring: float  # of the first chunk, its texts read and its scores stored


class Startup(Record):
    """Seconds from a job's arrival to its first part; models without a cell to score are not listed."""

    first_part: float | None = None  # seconds
    models: dict[str, StartupStages] = Field(default_factory=dict)


class JobEnd(Record):
    """The end of a job: why it does not continue by itself."""

    # removed: its labels were pruned
    status: Literal["done", "failed", "cancelled", "interrupted", "removed"]
    error: str = ""
    at: datetime | None = None  # of one that was stopped
    beginning: Startup | None = None  # of one that is done
    seconds: float | None = None  # of one that is done, since its arrival, new or again


class Job(Record):
    """A dataset under an ensemble version and its resolved model versions, labelled into `out`."""

    id: str
    customer: str
    dataset: str
    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    out: str
    keep_text: bool
    keep_columns: bool
    submitted_at: datetime
    priority: Priority = "bulk"  # live before bulk before nightly
    deadline: datetime | None = None  # before bulk, after live
    # projects/P/topics/T, where each feedback's labels are published before the job ends
    results: str | None = None

    @property
    def output(self) -> Place:
        """Place of the labelled output."""
        return open_place(self.out)

    @property
    def model_names(self) -> list[str]:
        """Names of its models, in their order."""
        return [model.name for model in self.models]


def job_id(
    customer: str,
    dataset: str,
    ensemble: EnsembleVersion,
    models: tuple[ModelVersion, ...],
    out: str | None,
    keep_text: bool,
    keep_columns: bool,
) -> str:
    """Return the id of a job: 16 hexadecimal digits that follow from what it is.

    The same request has the same id, so that repeating it continues the same job.
    """
    asked = [
        customer,
        dataset,
        ensemble.model_dump(),
        [model.model_dump() for model in models],
        out,
        keep_text,
        keep_columns,
    ]
    return digest(json.dumps(asked, sort_keys=True).encode())[:16]


def first_job_id(dataset: Dataset) -> str | None:
    """Return the id of the first job of a batch of messages; None for an upload."""
    first = dataset.first
    if first is None:
        return None
    return job_id(
        dataset.customer,
        dataset.id,
        first.ensemble,
        first.models,
        None,
        keep_text=True,
        keep_columns=True,
    )


def folder(job: str) -> str:
    """Return the folder of a job's records."""
    return f"jobs/{check_name('job', job)}"


def job_path(job: str) -> str:
    """Return the path of job.json."""
    return f"{folder(job)}/job.json"


def read_job(place: Place, job: str) -> Job:
    """Read job.json. Raises Absent, BadRecord, BadName."""
    return Job.decode(place.read(job_path(job)), place.url_of(job_path(job)))


def end_path(job: str) -> str:
    """Return the path of ended.json."""
    return f"{folder(job)}/ended.json"


def write_end(place: Place, job: str, ended: JobEnd) -> None:
    """Record that the job does not continue by itself."""
    place.replace(end_path(job), ended.encode())


def remove_end(place: Place, job: str) -> None:
    """Record that the job continues."""
    place.remove(end_path(job))


def read_end(place: Place, job: str) -> JobEnd | None:
    """Read a job's end; None while it is open. Raises BadRecord."""
    try:
        return JobEnd.decode(place.read(end_path(job)), place.url_of(end_path(job)))
    except Absent:
        return None


def open_jobs(place: Place) -> list[Job]:
    """Return the readable jobs that have not ended, the oldest first."""
    names = place.names("jobs")
    files = zip(
        names, map_concurrently(place, lambda name: place.names(f"jobs/{name}"), names), strict=True
    )
    return _read(
        place, [name for name, there in files if "job.json" in there and "ended.json" not in there]
    )


def all_jobs(place: Place) -> list[Job]:
    """Return every readable job whose labels were not pruned, the oldest first."""
    found = _read(place, place.names("jobs"))
    removed = map_concurrently(place, lambda job: _is_removed(place, job.id), found)
    return [job for job, is_removed in zip(found, removed, strict=True) if not is_removed]


def _is_removed(place: Place, job: str) -> bool:
    end = read_end(place, job)
    return end is not None and end.status == "removed"


def _read(place: Place, names: Iterable[str]) -> list[Job]:
    """Read these jobs, the oldest first; a job that cannot be read is logged and left out."""

    def read(name: str) -> Job | None:
        try:
            return read_job(place, name)
        except Absent:
            return None
        except ChorusError as error:
            log.warning("a job that cannot be read is left alone: %s", error, extra={"job": name})
            return None

    found = (job for job in map_concurrently(place, read, names) if job is not None)
    return sorted(found, key=lambda job: (job.submitted_at, job.id))

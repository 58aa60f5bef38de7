"""What was asked: `jobs/<job>/job.json`, with every version resolved. Written once, never edited.

Beside it `ended.json`, as soon as the job is not to go on by itself; removed when somebody takes it
up again.
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
    """Seconds; together they are the time from a job's arrival to a model's first scores for it."""

    # until somebody started a worker, or until a worker that was there took the cell
    waiting: float
    starting: float  # of the worker's process
    loading: float  # of the model
    scoring: float  # of the first chunk, its texts read and its scores stored


class Startup(Record):
    """The way from a job's arrival to its first part; models that had scored it all before are not
    named.
    """

    first_part: float | None = None  # seconds
    models: dict[str, StartupStages] = Field(default_factory=dict)


class JobEnd(Record):
    """Why a job does not go on by itself."""

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
        return open_place(self.out)

    @property
    def model_names(self) -> list[str]:
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
    """The same question has the same id, so that asking it again takes up the same job."""
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
    """The id of the job that labels a batch of messages as it comes in; None of an upload."""
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
    return f"jobs/{check_name('job', job)}"


def job_path(job: str) -> str:
    return f"{folder(job)}/job.json"


def read_job(place: Place, job: str) -> Job:
    """Raises Absent, BadRecord, BadName."""
    return Job.decode(place.read(job_path(job)), place.at(job_path(job)))


def end_path(job: str) -> str:
    return f"{folder(job)}/ended.json"


def write_end(place: Place, job: str, ended: JobEnd) -> None:
    """From now on nobody goes on with the job by himself."""
    place.replace(end_path(job), ended.encode())


def remove_end(place: Place, job: str) -> None:
    """The job goes on."""
    place.remove(end_path(job))


def read_end(place: Place, job: str) -> JobEnd | None:
    """None where the job is to go on."""
    try:
        return JobEnd.decode(place.read(end_path(job)), place.at(end_path(job)))
    except Absent:
        return None


def open_jobs(place: Place) -> list[Job]:
    """Those that are to go on and can be read, oldest first."""
    names = place.names("jobs")
    files = zip(
        names, map_concurrently(place, lambda name: place.names(f"jobs/{name}"), names), strict=True
    )
    return _read(
        place, [name for name, there in files if "job.json" in there and "ended.json" not in there]
    )


def all_jobs(place: Place) -> list[Job]:
    """Every job of this root that can be read and whose labels were not pruned, oldest first."""
    found = _read(place, place.names("jobs"))
    removed = map_concurrently(place, lambda job: _is_removed(place, job.id), found)
    return [job for job, is_removed in zip(found, removed, strict=True) if not is_removed]


def _is_removed(place: Place, job: str) -> bool:
    end = read_end(place, job)
    return end is not None and end.status == "removed"


def _read(place: Place, names: Iterable[str]) -> list[Job]:
    """Of these, those that can be read, oldest first: one damaged file must not stop all the
    others.
    """

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

"""Jobs: `jobs/<job>/job.json` names every version; it is written once and never changed.

When a job ends, `ended.json` is written beside it; when the job is resumed, it is removed.
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
from storage.record import BadRecord, Record
from storage.records.feedback import Dataset
from storage.records.labelled_output import EnsembleVersion, ModelVersion

Priority = Literal["live", "bulk", "nightly"]

log = logging.getLogger(__name__)


class StartupStages(Record):
    """Seconds from a job's arrival to a model's first scores for it, by stage."""

    # until a new worker was launched, or until a running worker took the first cell
    waiting: float
    starting: float  # of the worker's process
    loading: float  # of the model
    scoring: float  # of the first chunk, with reading its texts and writing its scores


class Startup(Record):
    """Seconds from a job's arrival to its first results."""

    first_part: float | None = None  # seconds to the first labelled part
    models: dict[str, StartupStages] = Field(default_factory=dict)  # only models that had to score


class JobEnd(Record):
    """The end of a job."""

    # removed: its labels were pruned, or its feedback was removed
    status: Literal["done", "failed", "cancelled", "interrupted", "removed"]
    error: str = ""
    at: datetime | None = None  # when it was stopped; None for a done job
    beginning: Startup | None = None  # of a done job
    seconds: float | None = None  # of a done job, from its arrival, new or resumed
    # Requested files that could not be written; `error` has the reasons. Absent if there are none.
    files_not_written: tuple[str, ...] = Field(default=(), exclude_if=lambda files: not files)


class Job(Record):
    """A dataset to label by an ensemble version and its model versions; `out` is the output."""

    id: str
    customer: str
    dataset: str
    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    out: str
    keep_text: bool
    keep_columns: bool
    submitted_at: datetime
    priority: Priority = "bulk"  # live runs before bulk, bulk before nightly
    deadline: datetime | None = None  # a job with a deadline runs after live and before bulk
    # the topic, projects/P/topics/T, that all labels are published to before the job ends
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
    """Return the id of a job: 16 hexadecimal digits that depend only on the request.

    So repeating a request continues the same job. `out` None: the default folder.
    """
    request = [
        customer,
        dataset,
        ensemble.model_dump(),
        [model.model_dump() for model in models],
        out,
        keep_text,
        keep_columns,
    ]
    return digest(json.dumps(request, sort_keys=True).encode())[:16]


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


def write_end(place: Place, job: str, end: JobEnd) -> None:
    """Record the end of the job, over an earlier one. Raises CannotWrite."""
    place.replace(end_path(job), end.encode())
    log.info("ended: %s", end.status, extra={"job": job})


def remove_end(place: Place, job: str) -> None:
    """Record that the job is open again."""
    place.remove(end_path(job))
    log.info("resumed", extra={"job": job})


def read_end(place: Place, job: str) -> JobEnd | None:
    """Read a job's end; None while it is open. Raises BadRecord."""
    try:
        return JobEnd.decode(place.read(end_path(job)), place.url_of(end_path(job)))
    except Absent:
        return None


def open_jobs(place: Place) -> list[Job]:
    """Return the readable jobs that have not ended, the oldest first."""
    names = place.names("jobs")
    listings = map_concurrently(place, lambda name: place.names(f"jobs/{name}"), names)
    return _read(
        place,
        [
            name
            for name, files in zip(names, listings, strict=True)
            if "job.json" in files and "ended.json" not in files
        ],
    )


def all_jobs(place: Place) -> list[Job]:
    """Return every readable job whose labels were not pruned, the oldest first."""
    jobs = _read(place, place.names("jobs"))
    ends = map_concurrently(place, lambda job: read_end(place, job.id), jobs)
    return [job for job, end in zip(jobs, ends, strict=True) if not _is_removed(end)]


def jobs_with_ends(place: Place) -> list[tuple[Job, JobEnd | None]]:
    """Return the same with their ends; None for a job that is open, or whose end is damaged."""

    def end_of(job: Job) -> JobEnd | None:
        try:
            return read_end(place, job.id)
        except BadRecord:
            return None

    jobs = _read(place, place.names("jobs"))
    ends = map_concurrently(place, end_of, jobs)
    return [(job, end) for job, end in zip(jobs, ends, strict=True) if not _is_removed(end)]


def _is_removed(end: JobEnd | None) -> bool:
    return end is not None and end.status == "removed"


def _read(place: Place, names: Iterable[str]) -> list[Job]:
    """Read these jobs, the oldest first; a job that cannot be read is logged and left out."""

    def read(name: str) -> Job | None:
        try:
            return read_job(place, name)
        except Absent:
            return None
        except ChorusError as error:
            log.warning("skipping a job that cannot be read: %s", error, extra={"job": name})
            return None

    readable = (job for job in map_concurrently(place, read, names) if job is not None)
    return sorted(readable, key=lambda job: (job.submitted_at, job.id))

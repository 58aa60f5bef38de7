"""What was asked: `jobs/<job>/job.json`, with every version resolved. Written once, never edited."""

import json
from datetime import datetime

from storage.labelled import EnsembleVersion, ModelVersion
from storage.names import check_name, digest
from storage.place import Place, place_at
from storage.record import Record


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

    @property
    def output(self) -> Place:
        return place_at(self.out)


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


def job_path(job: str) -> str:
    return f"jobs/{check_name('job', job)}/job.json"


def read_job(place: Place, job: str) -> Job:
    """Raises Absent, BadRecord, BadName."""
    return Job.decode(place.read(job_path(job)), place.at(job_path(job)))


def all_jobs(place: Place) -> list[Job]:
    """Every job of this root, oldest first."""
    found = [read_job(place, name) for name in place.names("jobs") if place.exists(job_path(name))]
    return sorted(found, key=lambda job: (job.submitted_at, job.id))

"""The records that never change, read once a process."""

from functools import lru_cache

from ensemble.spec import Ensemble, EnsembleRegistry
from storage import feedback, jobs
from storage.feedback import Dataset
from storage.jobs import Job
from storage.place import Place

_MANY = 32  # a dataset of 100 million rows lists some 50,000 chunks: a few megabytes each


@lru_cache(_MANY)
def job_of(place: Place, job: str) -> Job:
    """Raises Absent, BadRecord."""
    return jobs.read_job(place, job)


@lru_cache(_MANY)
def dataset_of(place: Place, job: Job) -> Dataset:
    """Raises Absent, BadRecord."""
    return feedback.read_dataset(place, job.customer, job.dataset)


@lru_cache(_MANY)
def ensemble_of(place: Place, job: Job) -> Ensemble:
    """Raises Absent, BadRecord."""
    return EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)

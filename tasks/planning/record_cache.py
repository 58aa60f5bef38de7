"""A cache of records that never change: a process reads each of them once."""

from functools import lru_cache
from threading import Lock

from ensemble.spec import Ensemble, EnsembleRegistry
from storage.places.place import Place
from storage.records import feedback, jobs
from storage.records.feedback import Dataset
from storage.records.jobs import Job

# Job records: about 4 kB each, 70 MB in all. The reconciler reads all running ones at every tick.
_MAX_JOBS = 16_384
# Chunks of all cached datasets: about 700 bytes each, 70 MB in all. That is 2,000 datasets of
# 100,000 rows, or two of 100 million.
_MAX_CHUNKS = 100_000


@lru_cache(_MAX_JOBS)
def job_of(place: Place, job: str) -> Job:
    """Return a job's record. Raises Absent, BadRecord."""
    return jobs.read_job(place, job)


class DatasetCache:
    """The datasets used last, up to a number of chunks in all."""

    def __init__(self, chunks: int) -> None:
        self._free = chunks  # a dataset takes its chunks and one more
        # by place, customer and name; the one used last comes last
        self._cached: dict[tuple[Place, str, str], Dataset] = {}
        self._lock = Lock()

    def get(self, place: Place, customer: str, name: str) -> Dataset:
        """Return a dataset's record. Raises Absent, BadRecord."""
        key = place, customer, name
        with self._lock:
            cached = self._cached.get(key)
        # without the lock: other threads need not wait while this one reads
        dataset = cached or feedback.read_dataset(place, customer, name)
        with self._lock:
            if self._cached.pop(key, None) is None:
                self._free -= 1 + len(dataset.chunks)
            self._cached[key] = dataset
            while self._free < 0 and len(self._cached) > 1:
                self._free += 1 + len(self._cached.pop(next(iter(self._cached))).chunks)
            return dataset


_datasets = DatasetCache(_MAX_CHUNKS)


def dataset_of(place: Place, job: Job) -> Dataset:
    """Return the record of a job's dataset. Raises Absent, BadRecord."""
    return dataset_named(place, job.customer, job.dataset)


def dataset_named(place: Place, customer: str, name: str) -> Dataset:
    """Return a dataset's record. Raises Absent, BadRecord, BadName."""
    return _datasets.get(place, customer, name)


@lru_cache(_MAX_JOBS)
def ensemble_of(place: Place, job: Job) -> Ensemble:
    """Return a job's ensemble. Raises Absent, BadRecord."""
    return EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)

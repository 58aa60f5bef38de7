"""A cache of the records that never change, read once by a process."""

from functools import lru_cache
from threading import Lock

from ensemble.spec import Ensemble, EnsembleRegistry
from storage.places.place import Place
from storage.records import feedback, jobs
from storage.records.feedback import Dataset
from storage.records.jobs import Job

_JOBS = 16_384  # some 4 kB each, 70 MB in all; the reconciler reads all that run every two seconds
# some 700 bytes each, 70 MB in all: 2,000 datasets of 100,000 rows, or two of 100 million
_CHUNKS = 100_000


@lru_cache(_JOBS)
def job_of(place: Place, job: str) -> Job:
    """Return a job's record. Raises Absent, BadRecord."""
    return jobs.read_job(place, job)


class DatasetCache:
    """The datasets used last, up to a number of chunks in all."""

    def __init__(self, chunks: int) -> None:
        self._room = chunks
        self._kept: dict[tuple[Place, str, str], Dataset] = {}  # the one used last is the last
        self._lock = Lock()

    def get(self, place: Place, customer: str, name: str) -> Dataset:
        """Return a dataset's record. Raises Absent, BadRecord."""
        key = place, customer, name
        with self._lock:
            cached = self._kept.get(key)
        # nobody waits while another reads
        dataset = cached or feedback.read_dataset(place, customer, name)
        with self._lock:
            if self._kept.pop(key, None) is None:
                self._room -= 1 + len(dataset.chunks)
            self._kept[key] = dataset
            while self._room < 0 and len(self._kept) > 1:
                self._room += 1 + len(self._kept.pop(next(iter(self._kept))).chunks)
            return dataset


_datasets = DatasetCache(_CHUNKS)


def dataset_of(place: Place, job: Job) -> Dataset:
    """Return the record of a job's dataset. Raises Absent, BadRecord."""
    return dataset_named(place, job.customer, job.dataset)


def dataset_named(place: Place, customer: str, name: str) -> Dataset:
    """Return a dataset's record. Raises Absent, BadRecord, BadName."""
    return _datasets.get(place, customer, name)


@lru_cache(_JOBS)
def ensemble_of(place: Place, job: Job) -> Ensemble:
    """Return a job's ensemble. Raises Absent, BadRecord."""
    return EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)

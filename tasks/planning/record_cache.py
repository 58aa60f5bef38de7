"""The records that never change, read once a process."""

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
    """Raises Absent, BadRecord."""
    return jobs.read_job(place, job)


class DatasetCache:
    """Those used last, of so many chunks in all."""

    def __init__(self, chunks: int) -> None:
        self._room = chunks
        self._kept: dict[tuple[Place, str, str], Dataset] = {}  # the one used last is the last
        self._lock = Lock()

    def get(self, place: Place, customer: str, name: str) -> Dataset:
        """Raises Absent, BadRecord."""
        key = place, customer, name
        with self._lock:
            found = self._kept.get(key)
        # nobody waits while another reads
        dataset = found or feedback.read_dataset(place, customer, name)
        with self._lock:
            if self._kept.pop(key, None) is None:
                self._room -= 1 + len(dataset.chunks)
            self._kept[key] = dataset
            while self._room < 0 and len(self._kept) > 1:
                self._room += 1 + len(self._kept.pop(next(iter(self._kept))).chunks)
            return dataset


_datasets = DatasetCache(_CHUNKS)


def dataset_of(place: Place, job: Job) -> Dataset:
    """Raises Absent, BadRecord."""
    return dataset_named(place, job.customer, job.dataset)


def dataset_named(place: Place, customer: str, name: str) -> Dataset:
    """Raises Absent, BadRecord, BadName."""
    return _datasets.get(place, customer, name)


@lru_cache(_JOBS)
def ensemble_of(place: Place, job: Job) -> Ensemble:
    """Raises Absent, BadRecord."""
    return EnsembleRegistry(place).read(job.ensemble.name, job.ensemble.version)

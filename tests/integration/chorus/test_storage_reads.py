"""How often a command reads storage before the workers start."""

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from chorus.common.settings import from_environment
from chorus.service import connection, run_job
from storage.places.place import LocalPlace
from storage.records import scores
from storage.records.forecasts import read_forecast
from storage.records.jobs import Job
from storage.records.labelled_output import part_positions
from tasks.broker.step_messages import SHORT_JOB_ROWS
from tests.support.models.placeholder_models import publish_model
from tests.support.runs.steps import store_dataset, store_job


class WorkersStart(Exception):
    """Raised in place of starting workers."""


class CountingPlace(LocalPlace):
    """A local place that counts operations by kind and path."""

    operations: ClassVar = Counter()

    def exists(self, path):
        self.operations["exists", path] += 1
        return super().exists(path)

    def names(self, folder):
        self.operations["names", self.url_of(folder)] += 1
        return super().names(folder)


@contextmanager
def no_workers(*_):
    raise WorkersStart
    yield


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A root and job outputs that count their operations."""
    monkeypatch.setattr(CountingPlace, "operations", Counter())
    monkeypatch.setattr(Job, "output", property(lambda job: CountingPlace(Path(job.out))))
    monkeypatch.setattr(connection, "open_place", lambda url: CountingPlace(Path(url)))
    monkeypatch.setattr(run_job, "workers_for", no_workers)
    return CountingPlace(tmp_path / "home")


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(
    "rows", [SHORT_JOB_ROWS, SHORT_JOB_ROWS + 1]
)  # a longer job gets a forecast
def test_parts_and_scores_are_listed_once_before_the_workers_start(counted, broker, rows):
    texts = [f"text {number}" for number in range(rows)]
    dataset = store_dataset(counted, texts, chunk_rows=100)
    job = store_job(counted, dataset)
    for model in job.model_names:
        publish_model(counted, model)
    settings = from_environment({"CHORUS_HOME": counted.url, "CHORUS_BROKER_URL": broker.url})
    CountingPlace.operations.clear()
    part_positions(job.output)
    [listing] = CountingPlace.operations
    with pytest.raises(WorkersStart):
        run_job.run_job(settings, counted, job, lambda _: None)
    for chunk in dataset.chunks:
        for model in job.model_names:
            assert CountingPlace.operations["exists", scores.path(model, 1, chunk.id)] == 1
    assert (read_forecast(counted, job.id) is not None) == (rows > SHORT_JOB_ROWS)
    # by this test, for the manifest, and for the parts
    assert CountingPlace.operations[listing] == 3

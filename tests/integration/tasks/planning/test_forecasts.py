"""Forecasts are compared with the seconds that their jobs took, over a real broker."""

from datetime import UTC, datetime

import pytest

from storage.places.place import CannotWrite, LocalPlace
from storage.records.forecasts import Forecast, write_forecast
from storage.records.jobs import read_end
from tasks.broker.step_messages import SHORT_JOB_ROWS
from tasks.jobs.submit import start_job
from tasks.planning.forecast_correction import read_correction
from tests.support.runs.steps import Steps, store_dataset, store_job

MANY = [f"text number {number}" for number in range(SHORT_JOB_ROWS + 1)]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def forecast(made_at):
    """Return a forecast of a million seconds."""
    return Forecast(
        seconds=1e6,
        models={},
        made_at=made_at,
        cores=2,
        service=False,
        measured=True,
        correction=1.0,
    )


@pytest.fixture
def run(place, redis):
    """Return a function that runs a job over these texts to its end.

    Its forecast is made when the job starts, at another time, or never (None).
    """

    def run(texts, forecast_at="now"):
        job = store_job(place, store_dataset(place, texts, chunk_rows=200))
        if forecast_at is not None:
            write_forecast(
                place, job.id, forecast(datetime.now(UTC) if forecast_at == "now" else forecast_at)
            )
        steps = Steps(place, redis)
        start_job(steps.context, job)
        steps.drain()
        return read_end(place, job.id)

    return run


def correction(place):
    return read_correction(place, cores=2, service=False)


def test_the_seconds_of_a_job_are_recorded_and_correct_later_forecasts(place, run):
    end = run(MANY)
    assert end.status == "done"
    assert 0 < end.seconds < 100
    assert correction(place) < 1, "it was much faster than expected"


@pytest.mark.parametrize(
    ("texts", "forecast_at"), [(MANY[:-1], "now"), (MANY, None), (MANY, LONG_AGO)]
)
def test_short_jobs_and_jobs_without_a_current_forecast_correct_nothing(
    place, run, texts, forecast_at
):
    assert run(texts, forecast_at).seconds is not None
    assert correction(place) == 1


def test_a_job_is_done_though_its_seconds_cannot_be_recorded(place, run, monkeypatch):
    replace = LocalPlace.replace

    def replace_on_full_disk(self, path, data):
        if path == "forecasts.json":
            raise CannotWrite(path, "no space left")
        replace(self, path, data)

    monkeypatch.setattr(LocalPlace, "replace", replace_on_full_disk)
    assert run(MANY).status == "done"
    assert correction(place) == 1

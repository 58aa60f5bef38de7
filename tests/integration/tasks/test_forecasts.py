"""What was expected of a job is compared with what it took, over a real broker."""

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
    """Of a million seconds."""
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
    """Bring a job over these texts to its end, with a forecast made as it begins, at another time,
    or never (None).
    """

    def run(texts, made="now"):
        job = store_job(place, store_dataset(place, texts, chunk_rows=200))
        if made is not None:
            write_forecast(place, job.id, forecast(datetime.now(UTC) if made == "now" else made))
        steps = Steps(place, redis)
        start_job(steps.context, job)
        steps.drain()
        return read_end(place, job.id)

    return run


def learned(place):
    return read_correction(place, cores=2, service=False)


def test_the_seconds_that_a_job_took_are_kept_and_learned_from(place, run):
    end = run(MANY)
    assert end.status == "done"
    assert 0 < end.seconds < 100
    assert learned(place) < 1, "it was much faster than expected"


@pytest.mark.parametrize(("texts", "made"), [(MANY[:-1], "now"), (MANY, None), (MANY, LONG_AGO)])
def test_short_jobs_and_those_without_a_forecast_of_their_own_teach_nothing(
    place, run, texts, made
):
    assert run(texts, made).seconds is not None
    assert learned(place) == 1


def test_a_job_does_not_fail_of_its_forecast(place, run, monkeypatch):
    replace = LocalPlace.replace

    def full(self, path, data):
        if path == "forecasts.json":
            raise CannotWrite(path, "no space left")
        replace(self, path, data)

    monkeypatch.setattr(LocalPlace, "replace", full)
    assert run(MANY).status == "done"
    assert learned(place) == 1

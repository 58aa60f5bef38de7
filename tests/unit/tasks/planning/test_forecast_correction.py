"""Corrections follow from how far earlier forecasts were off, within bounds."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.forecasts import Forecast
from tasks.planning.forecast_correction import correction_factor, read_correction, record_actual

FORECAST = Forecast(
    seconds=12.0,
    models={},
    made_at=datetime(2026, 1, 1, tzinfo=UTC),
    cores=2,
    service=False,
    measured=True,
    correction=1.2,
)
ratios = st.lists(st.floats(0.01, 100), max_size=12)


@given(ratios)
def test_the_correction_is_bounded(drawn):
    assert 0.25 <= correction_factor(drawn) <= 4


@given(st.floats(0.5, 2), st.integers(2, 8))
def test_a_steady_factor_counts_half_after_one_job_and_fully_after_two(ratio, jobs):
    assert correction_factor([ratio] * jobs) == pytest.approx(ratio)
    assert correction_factor([ratio]) == pytest.approx((1 + ratio) / 2)


@given(st.floats(0.01, 100))
def test_one_odd_job_among_five_changes_nothing(odd):
    assert correction_factor([1.1, 1.1, odd, 1.1, 1.1]) == pytest.approx(1.1)


def test_only_the_last_five_jobs_count():
    assert correction_factor([2.0] * 9 + [1.0] * 5) == 1


def test_without_jobs_nothing_is_corrected():
    assert correction_factor([]) == 1


def test_the_recorded_ratio_is_of_the_forecast_without_its_correction(place):
    record_actual(place, FORECAST, 15.0)
    record_actual(place, FORECAST, 15.0)
    assert read_correction(place, cores=2, service=False) == 1.5, "10 s were calculated"


def test_other_core_counts_and_services_have_corrections_of_their_own(place):
    record_actual(place, FORECAST, 15.0)
    assert (
        read_correction(place, cores=4, service=False)
        == read_correction(place, cores=2, service=True)
        == 1
    )


@pytest.mark.parametrize("changes", [{"measured": False}, {"seconds": 0.5}])
def test_unmeasured_forecasts_and_very_short_jobs_are_not_recorded(place, changes):
    record_actual(place, FORECAST.model_copy(update=changes), 15.0)
    assert read_correction(place, cores=2, service=False) == 1


def test_a_damaged_record_of_ratios_corrects_nothing(place):
    place.replace("forecasts.json", b"{")
    assert read_correction(place, cores=2, service=False) == 1

"""Forecasts that were off are corrected, and not by more than is sensible."""

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
def test_the_correction_is_bounded(found):
    assert 0.25 <= correction_factor(found) <= 4


@given(st.floats(0.5, 2), st.integers(2, 8))
def test_a_steady_machine_is_known_after_two_jobs_and_half_known_after_one(ratio, jobs):
    assert correction_factor([ratio] * jobs) == pytest.approx(ratio)
    assert correction_factor([ratio]) == pytest.approx((1 + ratio) / 2)


@given(st.floats(0.01, 100))
def test_one_odd_night_among_five_changes_nothing(odd):
    assert correction_factor([1.1, 1.1, odd, 1.1, 1.1]) == pytest.approx(1.1)


def test_old_jobs_are_forgotten():
    assert correction_factor([2.0] * 9 + [1.0] * 5) == 1


def test_without_jobs_the_calculation_stands():
    assert correction_factor([]) == 1


def test_what_is_learned_is_of_the_forecast_without_its_correction(place):
    record_actual(place, FORECAST, 15.0)
    record_actual(place, FORECAST, 15.0)
    assert read_correction(place, cores=2, service=False) == 1.5, "10 s were calculated"


def test_machines_of_other_sizes_and_services_learn_for_themselves(place):
    record_actual(place, FORECAST, 15.0)
    assert (
        read_correction(place, cores=4, service=False)
        == read_correction(place, cores=2, service=True)
        == 1
    )


@pytest.mark.parametrize("changes", [{"measured": False}, {"seconds": 0.5}])
def test_guesses_and_moments_teach_nothing(place, changes):
    record_actual(place, FORECAST.model_copy(update=changes), 15.0)
    assert read_correction(place, cores=2, service=False) == 1


def test_figures_that_cannot_be_read_are_as_none(place):
    place.replace("forecasts.json", b"{")
    assert read_correction(place, cores=2, service=False) == 1

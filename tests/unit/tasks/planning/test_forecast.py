"""Forecasts: bounded by the work over the cores and by the longest single load."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.labelled_output import ModelVersion
from tasks.board.worker_profile import WorkerProfile
from tasks.planning.forecast import (
    ForecastMachine,
    ForecastPool,
    ProcessLoad,
    forecast_work,
    total_seconds,
)
from tasks.planning.remaining_work import MissingScores, RemainingWork

SLOW, FAST = (ModelVersion(name=name, version=1, digest="d") for name in ("minilm", "bow"))
PROFILES = {
    SLOW: WorkerProfile(
        rate=100, start_seconds=9, memory=400, start_work=2, row_seconds=0.01, row_chars=50
    ),
    FAST: WorkerProfile(
        rate=9000, start_seconds=9, memory=300, start_work=4, row_seconds=0.0001, row_chars=50
    ),
}
MACHINE = ForecastMachine(cores=2, pools={"minilm": ForecastPool(), "bow": ForecastPool()})
LOADS = st.builds(
    ProcessLoad,
    work=st.floats(0, 1000),
    threads=st.integers(1, 8),
    start=st.floats(0, 10),
    gpu=st.booleans(),
)


def work_on(slow, fast, parts=1, chars=None):
    """Return remaining work of so many rows for each model."""
    models = (
        MissingScores(SLOW, int(slow > 0), 0, slow, chars),
        MissingScores(FAST, int(fast > 0), 0, fast, chars),
    )
    return RemainingWork(models, parts, max(slow, fast))


def test_a_model_of_one_thread_takes_the_same_time_on_any_number_of_cores():
    loads = [ProcessLoad(20, start=2), ProcessLoad(1, start=4)]
    assert total_seconds(loads, cores=2) == total_seconds(loads, cores=64) == 22
    assert (
        total_seconds([ProcessLoad(20, threads=2, start=2), ProcessLoad(1, start=4)], cores=2)
        == 13.5
    )


@given(st.lists(LOADS, max_size=6), st.integers(1, 16), st.integers(0, 2))
def test_the_duration_lies_between_its_bounds(loads, cores, gpus):
    seconds = total_seconds(loads, cores, gpus)
    assert all(seconds >= load.start + load.work / load.threads for load in loads)
    assert seconds * cores >= sum(load.start + load.work for load in loads if not load.gpu) - 1e-6
    assert seconds <= sum(load.start + load.work for load in loads) + 1e-6, "one after the other"


@given(
    st.lists(LOADS, min_size=1, max_size=6),
    st.integers(1, 16),
    st.integers(0, 2),
    st.floats(0, 100),
)
def test_more_work_never_takes_less_time(loads, cores, gpus, more):
    heavier = [replace(loads[0], work=loads[0].work + more), *loads[1:]]
    assert total_seconds(heavier, cores, gpus) >= total_seconds(loads, cores, gpus)
    assert total_seconds([*loads, ProcessLoad(more)], cores, gpus) >= total_seconds(
        loads, cores, gpus
    )
    assert total_seconds(loads, cores + 1, gpus) <= total_seconds(loads, cores, gpus)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_rows_never_take_less_time(slow, fast, more):
    before = forecast_work(work_on(slow, fast), PROFILES, MACHINE)
    assert forecast_work(work_on(slow + more, fast), PROFILES, MACHINE).seconds >= before.seconds
    assert forecast_work(work_on(slow, fast + more), PROFILES, MACHINE).seconds >= before.seconds


def test_no_work_takes_no_time_and_no_memory():
    forecast = forecast_work(work_on(0, 0, parts=0), PROFILES, MACHINE)
    assert (forecast.seconds, forecast.memory) == (0, 0)
    assert not any(model.starts_worker for model in forecast.models)


def test_only_models_with_rows_to_score_start_workers_and_take_memory():
    alone, both = (
        forecast_work(work_on(0, 100), PROFILES, MACHINE),
        forecast_work(work_on(100, 100), PROFILES, MACHINE),
    )
    assert [model.starts_worker for model in alone.models] == [False, True]
    assert both.memory - alone.memory == 400
    assert forecast_work(work_on(0, 0), PROFILES, MACHINE).memory > 0, (
        "the parts are still to be written"
    )


def test_a_warm_model_does_not_start_again():
    warm = replace(MACHINE, pools={"minilm": ForecastPool(warm=True), "bow": ForecastPool()})
    cold, forecast = (
        forecast_work(work_on(1000, 0), PROFILES, MACHINE),
        forecast_work(work_on(1000, 0), PROFILES, warm),
    )
    assert cold.seconds - forecast.seconds == pytest.approx(2)
    assert not forecast.models[0].starts_worker


def test_longer_texts_take_longer():
    as_measured, twice = work_on(1000, 0, chars=50_000), work_on(1000, 0, chars=100_000)
    assert forecast_work(as_measured, PROFILES, MACHINE).models[0].seconds == pytest.approx(10)
    assert forecast_work(twice, PROFILES, MACHINE).models[0].seconds == pytest.approx(20)


def test_workers_on_gpus_share_the_gpus_and_not_the_cores():
    on_gpus = replace(
        MACHINE, pools={"minilm": ForecastPool(gpu=True), "bow": ForecastPool(gpu=True)}, gpus=2
    )
    assert forecast_work(work_on(10_000, 0), PROFILES, on_gpus).seconds == pytest.approx(102.3)


def test_a_forecast_from_unmeasured_profiles_is_not_measured():
    unmeasured = {**PROFILES, SLOW: WorkerProfile(rate=50, start_seconds=3, memory=1)}
    forecast = forecast_work(work_on(100, 100), unmeasured, MACHINE)
    assert not forecast.measured
    assert forecast.models[0].seconds == 2
    assert forecast_work(work_on(0, 100), unmeasured, MACHINE).measured, (
        "nothing rests on the unmeasured profile"
    )


def test_a_service_starts_no_control_worker_and_keeps_to_its_memory_limit():
    service = replace(MACHINE, service=True, memory=500)
    forecast, alone = (
        forecast_work(work_on(100, 100), PROFILES, service),
        forecast_work(work_on(100, 100), PROFILES, MACHINE),
    )
    assert alone.memory - forecast.memory == 200
    assert forecast.seconds <= alone.seconds


@given(st.floats(0.5, 2))
def test_seconds_are_multiplied_by_the_correction(factor):
    plain, corrected = (
        forecast_work(work_on(1000, 1000), PROFILES, MACHINE, by) for by in (1.0, factor)
    )
    assert corrected.seconds == pytest.approx(factor * plain.seconds)
    assert corrected.correction == factor

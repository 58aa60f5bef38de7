"""How long will it take? The work over the cores, or the longest that cannot be shared out further."""

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
    duration,
    forecast_work,
)
from tasks.planning.remaining_work import MissingScores, RemainingWork

SLOW, FAST = (ModelVersion(name=name, version=1, digest="d") for name in ("minilm", "bow"))
NEEDS = {
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


def rows(slow, fast, parts=1, chars=None):
    models = (
        MissingScores(SLOW, int(slow > 0), 0, slow, chars),
        MissingScores(FAST, int(fast > 0), 0, fast, chars),
    )
    return RemainingWork(models, parts, max(slow, fast))


def test_a_model_of_one_thread_takes_its_time_however_many_cores_there_are():
    loads = [ProcessLoad(20, start=2), ProcessLoad(1, start=4)]
    assert duration(loads, cores=2) == duration(loads, cores=64) == 22
    assert duration([ProcessLoad(20, threads=2, start=2), ProcessLoad(1, start=4)], cores=2) == 13.5


@given(st.lists(LOADS, max_size=6), st.integers(1, 16), st.integers(0, 2))
def test_it_is_never_shorter_than_the_longest_nor_than_all_of_it_shared(loads, cores, gpus):
    found = duration(loads, cores, gpus)
    assert all(found >= load.start + load.work / load.threads for load in loads)
    assert found * cores >= sum(load.start + load.work for load in loads if not load.gpu) - 1e-6
    assert found <= sum(load.start + load.work for load in loads) + 1e-6, "one after the other"


@given(
    st.lists(LOADS, min_size=1, max_size=6),
    st.integers(1, 16),
    st.integers(0, 2),
    st.floats(0, 100),
)
def test_more_work_never_takes_less_time(loads, cores, gpus, more):
    heavier = [replace(loads[0], work=loads[0].work + more), *loads[1:]]
    assert duration(heavier, cores, gpus) >= duration(loads, cores, gpus)
    assert duration([*loads, ProcessLoad(more)], cores, gpus) >= duration(loads, cores, gpus)
    assert duration(loads, cores + 1, gpus) <= duration(loads, cores, gpus)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_rows_never_take_less_time(slow, fast, more):
    before = forecast_work(rows(slow, fast), NEEDS, MACHINE)
    assert forecast_work(rows(slow + more, fast), NEEDS, MACHINE).seconds >= before.seconds
    assert forecast_work(rows(slow, fast + more), NEEDS, MACHINE).seconds >= before.seconds


def test_nothing_to_do_takes_nothing():
    found = forecast_work(rows(0, 0, parts=0), NEEDS, MACHINE)
    assert (found.seconds, found.memory) == (0, 0)
    assert not any(model.wakes for model in found.models)


def test_only_models_with_rows_to_score_wake_and_take_memory():
    alone, both = (
        forecast_work(rows(0, 100), NEEDS, MACHINE),
        forecast_work(rows(100, 100), NEEDS, MACHINE),
    )
    assert [model.wakes for model in alone.models] == [False, True]
    assert both.memory - alone.memory == 400
    assert forecast_work(rows(0, 0), NEEDS, MACHINE).memory > 0, "the parts are still to be written"


def test_a_warm_model_does_not_start_again():
    warm = replace(MACHINE, pools={"minilm": ForecastPool(warm=True), "bow": ForecastPool()})
    cold, found = (
        forecast_work(rows(1000, 0), NEEDS, MACHINE),
        forecast_work(rows(1000, 0), NEEDS, warm),
    )
    assert cold.seconds - found.seconds == pytest.approx(2)
    assert not found.models[0].wakes


def test_longer_texts_take_longer():
    as_measured, twice = rows(1000, 0, chars=50_000), rows(1000, 0, chars=100_000)
    assert forecast_work(as_measured, NEEDS, MACHINE).models[0].seconds == pytest.approx(10)
    assert forecast_work(twice, NEEDS, MACHINE).models[0].seconds == pytest.approx(20)


def test_workers_on_gpus_share_these_and_not_the_cores():
    on_gpus = replace(
        MACHINE, pools={"minilm": ForecastPool(gpu=True), "bow": ForecastPool(gpu=True)}, gpus=2
    )
    assert forecast_work(rows(10_000, 0), NEEDS, on_gpus).seconds == pytest.approx(102.3)


def test_a_guess_is_called_one():
    guessed = {**NEEDS, SLOW: WorkerProfile(rate=50, start_seconds=3, memory=1)}
    found = forecast_work(rows(100, 100), guessed, MACHINE)
    assert not found.measured
    assert found.models[0].seconds == 2
    assert forecast_work(rows(0, 100), guessed, MACHINE).measured, "nothing rests on the guess"


def test_a_service_has_its_control_worker_and_keeps_to_its_memory():
    service = replace(MACHINE, service=True, memory=500)
    found, alone = (
        forecast_work(rows(100, 100), NEEDS, service),
        forecast_work(rows(100, 100), NEEDS, MACHINE),
    )
    assert alone.memory - found.memory == 200
    assert found.seconds <= alone.seconds


@given(st.floats(0.5, 2))
def test_what_earlier_jobs_have_shown_counts(factor):
    plain, corrected = (forecast_work(rows(1000, 1000), NEEDS, MACHINE, by) for by in (1.0, factor))
    assert corrected.seconds == pytest.approx(factor * plain.seconds)
    assert corrected.correction == factor

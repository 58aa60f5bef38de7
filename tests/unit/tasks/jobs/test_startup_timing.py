"""Where the time to a model's first scores went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.jobs import StartupStages
from tasks.board.board import FirstScores
from tasks.jobs.startup_timing import startup_stages

moments = st.floats(0, 2e9, allow_nan=False)


@given(moments, moments, moments, moments, moments, moments)
def test_the_stages_are_all_of_the_time_from_arrival_to_scores(
    since, spawned, loading, loaded, taken, scored
):
    found = startup_stages(since, FirstScores(spawned, loading, loaded, taken, scored))
    parts = (found.waiting, found.starting, found.loading, found.scoring)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(max(0.0, scored - since), abs=1e-5)


def test_a_worker_that_had_to_be_started():
    found = startup_stages(0, FirstScores(spawned=1, loading=3, loaded=4, taken=3.5, scored=6))
    assert found == StartupStages(waiting=1, starting=2, loading=1, scoring=2)


def test_a_worker_that_was_there_and_busy_with_another_job():
    found = startup_stages(100, FirstScores(spawned=1, loading=3, loaded=4, taken=107, scored=109))
    assert found == StartupStages(waiting=7, starting=0, loading=0, scoring=2)

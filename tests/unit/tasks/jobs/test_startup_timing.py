"""The stages of the time from a job's arrival to a model's first scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.records.jobs import StartupStages
from tasks.board.job_facts import FirstScores
from tasks.jobs.startup_timing import startup_stages

times = st.floats(0, 2e9, allow_nan=False)


@given(times, times, times, times, times, times)
def test_the_stages_add_up_to_the_time_from_arrival_to_scores(
    since, spawned, loading, loaded, taken, scored
):
    stages = startup_stages(since, FirstScores(spawned, loading, loaded, taken, scored))
    parts = (stages.waiting, stages.starting, stages.loading, stages.scoring)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(max(0.0, scored - since), abs=1e-5)


def test_a_worker_that_was_started_for_the_job():
    stages = startup_stages(0, FirstScores(spawned=1, loading=3, loaded=4, taken=3.5, scored=6))
    assert stages == StartupStages(waiting=1, starting=2, loading=1, scoring=2)


def test_a_worker_that_ran_already_and_was_busy_with_another_job():
    stages = startup_stages(100, FirstScores(spawned=1, loading=3, loaded=4, taken=107, scored=109))
    assert stages == StartupStages(waiting=7, starting=0, loading=0, scoring=2)

"""How many workers a model should have: one formula for one machine and for Kubernetes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.board.roster import Worker
from tasks.planning.demand import Demand
from workers.autoscaling.actions import StartWorker
from workers.autoscaling.capacity import Budget
from workers.autoscaling.limits import Limits
from workers.autoscaling.model_workload import NIGHTLY_SECONDS, workers_wanted
from workers.autoscaling.policy import scale

NOW = 1_000_000.0
IDLE = Demand("mood", 0, 0, 0, NOW, None, rate=5.0, start_seconds=2.0, memory=1)


def worker(number, state="idle", started=0.0):
    return Worker(f"w{number}", "mood", "here", state, NOW, NOW - started, memory=1, threads=1)


@pytest.mark.parametrize(
    ("rows", "limits", "wanted"),
    [
        ((0, 0, 0), Limits(), 0),
        ((0, 0, 0), Limits(min=2), 2),
        ((1, 0, 0), Limits(), 1),
        ((0, 0, 1), Limits(), 1),
        ((0, 290, 0), Limits(drain=60), 1),
        ((0, 291, 0), Limits(drain=60), 2),
        ((100, 800, 0), Limits(drain=60), 4),
        ((100, 800, 0), Limits(drain=60, max=3), 3),
    ],
)
def test_enough_workers_to_score_all_rows_in_time_start_up_included(rows, limits, wanted):
    urgent, bulk, nightly = rows
    demand = replace(IDLE, urgent=urgent, bulk=bulk, nightly=nightly)
    assert workers_wanted(demand, (), limits, NOW) == wanted


def test_nightly_rows_may_take_half_an_hour_more():
    rows = int(IDLE.rate * NIGHTLY_SECONDS)
    assert workers_wanted(replace(IDLE, nightly=rows), (), Limits(), NOW) == 1
    assert workers_wanted(replace(IDLE, bulk=rows), (), Limits(), NOW) > 30


def test_a_near_deadline_needs_more_workers():
    rows = 290
    late = replace(IDLE, urgent=rows, deadline=NOW + 600)
    soon = replace(IDLE, urgent=rows, deadline=NOW + 10)
    assert workers_wanted(late, (), Limits(), NOW) == 1
    assert workers_wanted(soon, (), Limits(), NOW) > 5


def test_workers_that_are_starting_count():
    demand = replace(IDLE, bulk=560)
    assert workers_wanted(demand, [worker(1), worker(2, "starting")], Limits(), NOW) == 2


def test_a_pool_without_rows_shrinks_to_its_minimum():
    assert workers_wanted(IDLE, [worker(1), worker(2)], Limits(min=1), NOW) == 1


demands = st.builds(
    lambda urgent, bulk, nightly, rate, start, deadline: replace(
        IDLE,
        urgent=urgent,
        bulk=bulk,
        nightly=nightly,
        rate=rate,
        start_seconds=start,
        deadline=deadline,
    ),
    st.integers(0, 10**5),
    st.integers(0, 10**5),
    st.integers(0, 10**5),
    st.floats(1.0, 1e4),
    st.floats(0.1, 60),
    st.none() | st.floats(NOW - 100, NOW + 10_000),
)
workers = st.lists(st.sampled_from(["idle", "busy", "starting"]), max_size=4).map(
    lambda states: [worker(number, state) for number, state in enumerate(states)]
)
limits = st.builds(
    lambda least, more: Limits(min=least, max=None if more is None else least + more),
    st.integers(0, 3),
    st.none() | st.integers(1, 50),
)


@given(demands, workers, limits)
def test_a_machine_with_capacity_for_all_starts_as_many_as_kubernetes_gets(demand, pool, limits):
    wanted = workers_wanted(demand, pool, limits, NOW)
    budget = Budget("here", cores=10**7, memory=10**12)
    actions = scale([demand], pool, lambda _: limits, budget, NOW)
    starts = sum(isinstance(action, StartWorker) for action in actions)
    assert starts == max(0, wanted - len(pool))


@given(demands, workers, limits)
def test_the_number_stays_within_the_limits(demand, pool, limits):
    wanted = workers_wanted(demand, pool, limits, NOW)
    assert wanted >= limits.min
    assert limits.max is None or wanted <= max(limits.max, len(pool))

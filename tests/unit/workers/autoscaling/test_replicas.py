"""How many workers a backlog is worth, where no budget has to be asked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.planning.demand import Demand
from workers.autoscaling.limits import Limits
from workers.autoscaling.replicas import workers_wanted

IDLE = Demand("mood", 0, 0, 0, 0.0, None, rate=5.0, start_seconds=2.0, memory=10**8)


@pytest.mark.parametrize(
    ("rows", "limits", "wanted"),
    [
        ((0, 0, 0), Limits(), 0),
        ((0, 0, 0), Limits(min=2), 2),
        ((1, 0, 0), Limits(), 1),
        ((0, 0, 1), Limits(), 1),
        ((0, 300, 0), Limits(drain=60), 1),
        ((0, 301, 0), Limits(drain=60), 2),
        ((100, 800, 100), Limits(drain=60), 4),
        ((100, 800, 100), Limits(drain=60, max=3), 3),
    ],
)
def test_the_backlog_is_to_be_gone_in_time_and_any_row_is_worth_a_worker(rows, limits, wanted):
    urgent, bulk, nightly = rows
    assert (
        workers_wanted(replace(IDLE, urgent=urgent, bulk=bulk, nightly=nightly), limits) == wanted
    )


def test_without_a_rate_one_worker_finds_it_out():
    assert workers_wanted(replace(IDLE, bulk=10**6, rate=0.0), Limits()) == 1


@given(
    rows=st.integers(0, 10**9),
    rate=st.floats(1e-3, 1e5),
    drain=st.floats(1, 1e5),
    least=st.integers(0, 5),
    room=st.none() | st.integers(1, 50),
)
def test_the_answer_keeps_to_the_limits_and_is_neither_too_many_nor_too_few(
    rows, rate, drain, least, room
):
    limits = Limits(min=least, max=None if room is None else least + room, drain=drain)
    wanted = workers_wanted(replace(IDLE, bulk=rows, rate=rate), limits)
    assert limits.min <= wanted
    assert limits.max is None or wanted <= limits.max
    if wanted > limits.min:
        assert (wanted - 1) * rate * drain < rows * (1 + 1e-9)
    if wanted != limits.max:
        assert wanted * rate * drain >= rows * (1 - 1e-9)

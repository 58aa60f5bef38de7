"""Who is asked next, over a real broker: strict ranks, customers and jobs in turn, never more than
the credit.
"""

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.places.place import LocalPlace
from tasks.board import keys
from tasks.board.keys import SESSION_SECONDS
from tasks.board.roster import Roster, Worker
from tasks.broker.step_messages import CONTROL_QUEUE
from tasks.planning.dispatch import (
    BULK_RANK,
    DEADLINE_RANK,
    MAX_CONTROL_QUEUE,
    NIGHTLY_RANK,
    SHORT_RANK,
    dispatch,
    pause_dispatch,
    prefetch_cells,
    set_prefetch,
)
from tests.support.runs.steps import Steps, store_dataset, store_job

KINDS = {
    SHORT_RANK: {"priority": "live"},
    DEADLINE_RANK: {"deadline": datetime(2030, 1, 1, tzinfo=UTC)},
    BULK_RANK: {},
    NIGHTLY_RANK: {"priority": "nightly"},
}
LONG = [f"text number {number}" for number in range(280)]  # rows: no short upload
BULK_EACH, SHORT_EACH = 2, 4  # cells that a worker is asked for at once

jobs_of = st.lists(
    st.tuples(
        st.sampled_from(list(KINDS)),
        st.sampled_from(["acme", "globex", "initech"]),
        st.sampled_from([1, 3, 7]),
    ),
    min_size=1,
    max_size=6,
)


class Fed:
    """Jobs that all have joined before anybody is asked for anything; `asked` are (job, position)
    in order.
    """

    def __init__(self, folder, redis, wanted, workers):
        redis.flushall()
        self.steps = Steps(LocalPlace(Path(folder)), redis)
        self.board = self.steps.context.board
        self.jobs, self.chunks = {}, {}
        for number in range(workers):
            Roster(self.board).put(Worker(f"w{number}", "bow", "m", "idle", 0.0, 0.0, 0, 1))
        pause_dispatch(self.board, "bow", SESSION_SECONDS)
        for each in wanted:
            self.add(*each)
        assert not self.steps.queue, "it was held"
        redis.delete(self.board.key(keys.PAUSED, "bow"))
        self.asked = []

    def add(self, rank, customer, chunks):
        """One job more; its id."""
        place, name = self.steps.context.place, f"job{len(self.jobs)}"
        # who comes later brings older feedback
        taken_in = datetime(2026, 1, 31 - len(self.jobs), tzinfo=UTC)
        dataset = store_dataset(place, LONG, -(-len(LONG) // chunks), customer, name, taken_in)
        job = store_job(place, dataset, models=("bow",), id=name, **KINDS[rank])
        self.jobs[name], self.chunks[name] = (rank, job), [chunk.id for chunk in dataset.chunks]
        self.steps.plan(job)
        return name

    def feed(self):
        """The cells that are asked for now."""
        dispatch(self.steps.context, "bow")
        new = [
            (message.job, self.chunks[message.job].index(message.chunk))
            for message in self.steps.queue
        ]
        self.steps.queue.clear()
        self.asked += new
        return new

    def outstanding(self):
        """How many cells of long jobs, and of short ones."""
        return tuple(map(self.board.redis.scard, self.board.outstanding_keys("bow")))

    def scored(self, job, position):
        self.board.mark_scored(job, "bow", [position], ["bow"])

    @property
    def wanted(self):
        return sorted(
            (job, position)
            for job, chunks in self.chunks.items()
            for position in range(len(chunks))
        )


def taken_in_turns(asked, wanted):
    """Whether of all that still want something, nobody was ever asked twice more than another."""
    counts = Counter(dict.fromkeys(wanted, 0))
    for one in asked:
        counts[one] += 1
        waiting = [counts[other] for other, most in wanted.items() if counts[other] < most]
        if waiting and counts[one] > min(waiting) + 1:
            return False
    return True


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), wanted=jobs_of, workers=st.integers(0, 3))
def test_ranks_are_strict_customers_take_turns_and_credit_is_never_exceeded(
    data, wanted, workers, broker
):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        fed = Fed(folder, redis, wanted, workers)
        at_work = []
        while True:
            at_work += fed.feed()
            long, short = fed.outstanding()
            assert long <= BULK_EACH * max(1, workers)
            assert short <= SHORT_EACH * max(1, workers)
            assert long + short == len(at_work)
            if not at_work:
                break
            fed.scored(*at_work.pop(data.draw(st.integers(0, len(at_work) - 1))))
        assert sorted(fed.asked) == fed.wanted, "everything, once"
        ranks = [fed.jobs[job][0] for job, _ in fed.asked]
        assert (long_ranks := [rank for rank in ranks if rank != SHORT_RANK]) == sorted(long_ranks)
        for rank in KINDS:
            asked = [fed.jobs[job][1] for job, _ in fed.asked if fed.jobs[job][0] == rank]
            mine = [job for of, job in fed.jobs.values() if of == rank]
            customers, jobs = Counter(), {job.id: len(fed.chunks[job.id]) for job in mine}
            for job in mine:
                customers[job.customer] += jobs[job.id]
            assert taken_in_turns([job.customer for job in asked], dict(customers))
            for customer in customers:
                its = {job.id: jobs[job.id] for job in mine if job.customer == customer}
                its_asked = [job.id for job in asked if job.customer == customer]
                if rank == NIGHTLY_RANK:
                    assert its_asked == sorted(its_asked, reverse=True), (
                        "the oldest feedback first, all of it"
                    )
                else:
                    assert taken_in_turns(its_asked, its)


@pytest.fixture
def fed(tmp_path, redis):
    return lambda *wanted: Fed(tmp_path, redis, wanted, workers=1)


def test_one_who_comes_later_does_not_wait_until_the_others_have_had_as_much(fed):
    early = fed((BULK_RANK, "acme", 7))
    for _ in range(2):
        for cell in early.feed():
            early.scored(*cell)
    later = early.add(BULK_RANK, "globex", 7)
    for _ in range(3):
        new = early.feed()
        assert sorted(job for job, _ in new) == ["job0", later]
        for cell in new:
            early.scored(*cell)


def test_nothing_more_is_scored_while_the_control_worker_does_not_keep_up(fed):
    one = fed((BULK_RANK, "acme", 7))
    board = one.board
    board.redis.rpush(board.key(keys.QUEUE, CONTROL_QUEUE), *range(MAX_CONTROL_QUEUE + 1))
    assert one.feed() == []
    board.redis.lpop(board.key(keys.QUEUE, CONTROL_QUEUE))
    assert len(one.feed()) == BULK_EACH


def test_where_storage_takes_its_time_a_worker_is_asked_for_as_many_cells_as_it_said(fed):
    one = fed((BULK_RANK, "acme", 7))
    set_prefetch(one.board, "bow", 5)
    assert len(one.feed()) == 5


@pytest.mark.parametrize(
    ("rate", "chunk_rows", "waits", "cells"),
    [
        (450, 4096, 0.5, 2),  # a transformer computes for ten seconds
        (12_000, 4096, 0.5, 3),  # a bag of words for a third of one
        (12_000, 1024, 0.5, 7),
        (1_000_000, 4096, 0.5, 8),  # so much, and no more, is in memory at once
        (1_000_000, 4096, 0.0, 2),
    ],
)
def test_the_faster_a_model_the_more_cells_are_on_their_way_while_one_computes(
    rate, chunk_rows, waits, cells
):
    assert prefetch_cells(rate, chunk_rows, waits) == cells

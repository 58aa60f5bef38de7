"""Dispatch over a real broker: ranks in order, customers and jobs in turn, never too many cells."""

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
    cells_per_worker,
    dispatch,
    pause_dispatch,
    set_cells_per_worker,
)
from tests.support.runs.steps import Steps, store_dataset, store_job

RANK_FIELDS = {
    SHORT_RANK: {"priority": "live"},
    DEADLINE_RANK: {"deadline": datetime(2030, 1, 1, tzinfo=UTC)},
    BULK_RANK: {},
    NIGHTLY_RANK: {"priority": "nightly"},
}
LONG = [f"text number {number}" for number in range(280)]  # rows: no short upload
BULK_CELLS, SHORT_CELLS = 2, 4  # cells dispatched for each worker

drawn_jobs = st.lists(
    st.tuples(
        st.sampled_from(list(RANK_FIELDS)),
        st.sampled_from(["acme", "globex", "initech"]),
        st.sampled_from([1, 3, 7]),
    ),
    min_size=1,
    max_size=6,
)


class Dispatched:
    """Jobs that are all enqueued before a cell is dispatched.

    `cells`: (job, position) in the order of dispatch.
    """

    def __init__(self, folder, redis, jobs, workers):
        redis.flushall()
        self.steps = Steps(LocalPlace(Path(folder)), redis)
        self.board = self.steps.context.board
        self.jobs, self.chunks = {}, {}
        for number in range(workers):
            Roster(self.board).put(Worker(f"w{number}", "bow", "m", "idle", 0.0, 0.0, 0, 1))
        pause_dispatch(self.board, "bow", SESSION_SECONDS)
        for each in jobs:
            self.add(*each)
        assert not self.steps.queue, "dispatch was paused"
        redis.delete(self.board.key(keys.PAUSED, "bow"))
        self.cells = []

    def add(self, rank, customer, chunks):
        """Enqueue one more job, and return its id."""
        place, name = self.steps.context.place, f"job{len(self.jobs)}"
        # later jobs have older feedback
        taken_in = datetime(2026, 1, 31 - len(self.jobs), tzinfo=UTC)
        dataset = store_dataset(place, LONG, -(-len(LONG) // chunks), customer, name, taken_in)
        job = store_job(place, dataset, models=("bow",), id=name, **RANK_FIELDS[rank])
        self.jobs[name], self.chunks[name] = (rank, job), [chunk.id for chunk in dataset.chunks]
        self.steps.plan(job)
        return name

    def dispatch(self):
        """Dispatch, and return the new cells."""
        dispatch(self.steps.context, "bow")
        new = [
            (message.job, self.chunks[message.job].index(message.chunk))
            for message in self.steps.queue
        ]
        self.steps.queue.clear()
        self.cells += new
        return new

    def outstanding(self):
        """Return how many cells of bulk jobs and of short jobs are outstanding."""
        return tuple(map(self.board.redis.scard, self.board.outstanding_keys("bow")))

    def mark_scored(self, job, position):
        self.board.mark_scored(job, "bow", [position], ["bow"])

    @property
    def all_cells(self):
        return sorted(
            (job, position)
            for job, chunks in self.chunks.items()
            for position in range(len(chunks))
        )


def are_turns_fair(order, sizes):
    """Return whether no one was ever two turns ahead of another that had cells left."""
    counts = Counter(dict.fromkeys(sizes, 0))
    for one in order:
        counts[one] += 1
        waiting = [counts[other] for other, size in sizes.items() if counts[other] < size]
        if waiting and counts[one] > min(waiting) + 1:
            return False
    return True


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), drawn=drawn_jobs, workers=st.integers(0, 3))
def test_ranks_are_strict_customers_take_turns_and_workers_never_get_too_many_cells(
    data, drawn, workers, broker
):
    with tempfile.TemporaryDirectory() as folder, broker.client() as redis:
        jobs = Dispatched(folder, redis, drawn, workers)
        in_flight = []
        while True:
            in_flight += jobs.dispatch()
            long, short = jobs.outstanding()
            assert long <= BULK_CELLS * max(1, workers)
            assert short <= SHORT_CELLS * max(1, workers)
            assert long + short == len(in_flight)
            if not in_flight:
                break
            jobs.mark_scored(*in_flight.pop(data.draw(st.integers(0, len(in_flight) - 1))))
        assert sorted(jobs.cells) == jobs.all_cells, "every cell, once"
        ranks = [jobs.jobs[job][0] for job, _ in jobs.cells]
        assert (long_ranks := [rank for rank in ranks if rank != SHORT_RANK]) == sorted(long_ranks)
        for rank in RANK_FIELDS:
            dispatched = [jobs.jobs[job][1] for job, _ in jobs.cells if jobs.jobs[job][0] == rank]
            of_rank = [job for its_rank, job in jobs.jobs.values() if its_rank == rank]
            customers, sizes = Counter(), {job.id: len(jobs.chunks[job.id]) for job in of_rank}
            for job in of_rank:
                customers[job.customer] += sizes[job.id]
            assert are_turns_fair([job.customer for job in dispatched], dict(customers))
            for customer in customers:
                its_sizes = {job.id: sizes[job.id] for job in of_rank if job.customer == customer}
                its_order = [job.id for job in dispatched if job.customer == customer]
                if rank == NIGHTLY_RANK:
                    assert its_order == sorted(its_order, reverse=True), (
                        "the oldest feedback first, as a whole"
                    )
                else:
                    assert are_turns_fair(its_order, its_sizes)


@pytest.fixture
def enqueue(tmp_path, redis):
    return lambda *jobs: Dispatched(tmp_path, redis, jobs, workers=1)


def test_a_later_customer_gets_turns_at_once(enqueue):
    jobs = enqueue((BULK_RANK, "acme", 7))
    for _ in range(2):
        for cell in jobs.dispatch():
            jobs.mark_scored(*cell)
    later_job = jobs.add(BULK_RANK, "globex", 7)
    for _ in range(3):
        new = jobs.dispatch()
        assert sorted(job for job, _ in new) == ["job0", later_job]
        for cell in new:
            jobs.mark_scored(*cell)


def test_no_cells_are_dispatched_while_the_control_queue_is_long(enqueue):
    jobs = enqueue((BULK_RANK, "acme", 7))
    board = jobs.board
    board.redis.rpush(board.key(keys.QUEUE, CONTROL_QUEUE), *range(MAX_CONTROL_QUEUE + 1))
    assert jobs.dispatch() == []
    board.redis.lpop(board.key(keys.QUEUE, CONTROL_QUEUE))
    assert len(jobs.dispatch()) == BULK_CELLS


def test_the_cells_dispatched_for_each_worker_can_be_set_for_a_model(enqueue):
    jobs = enqueue((BULK_RANK, "acme", 7))
    set_cells_per_worker(jobs.board, "bow", 5)
    assert len(jobs.dispatch()) == 5


@pytest.mark.parametrize(
    ("rate", "chunk_rows", "wait_seconds", "cells"),
    [
        (450, 4096, 0.5, 2),  # a transformer computes a chunk in nine seconds
        (12_000, 4096, 0.5, 3),  # a bag of words in a third of a second
        (12_000, 1024, 0.5, 7),
        (1_000_000, 4096, 0.5, 8),  # the most that is in memory at once
        (1_000_000, 4096, 0.0, 2),
    ],
)
def test_a_faster_model_gets_more_cells_for_each_worker(rate, chunk_rows, wait_seconds, cells):
    assert cells_per_worker(rate, chunk_rows, wait_seconds) == cells

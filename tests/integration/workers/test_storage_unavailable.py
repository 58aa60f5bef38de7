"""A step without storage is released: no job fails, no attempt counts, and it is queued again."""

from contextlib import suppress

import pytest

from storage.places import object_place
from storage.places.open_place import open_place
from storage.places.retry import RetryPolicy, StorageUnavailable
from tasks.board.attempts import Attempts
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.leases import WorkerSession, leased_steps
from tasks.board.roster import Worker
from tasks.broker.step_messages import ScoreCell
from tasks.jobs.submit import start_job
from tasks.planning.dispatch import cells_in_flight
from tests.support.runs.steps import PREFIX, Steps, store_dataset, store_job
from tests.support.servers.faulty_proxy import UNAVAILABLE
from workers.control.reconciler import Reconciler
from workers.runtime.run_step import run_step

pytestmark = pytest.mark.parametrize("buckets", ["gs"], indirect=True)


@pytest.fixture
def steps(buckets, proxy, redis, monkeypatch):  # noqa: ARG001 — before the server
    """A job of two cells that wait for their worker."""
    monkeypatch.setattr(
        object_place, "RETRY_POLICY", RetryPolicy(first_wait=0.01, give_up_after=0.2)
    )
    place = open_place(f"{buckets.new_bucket()}/root")
    steps = Steps(place, redis)
    worker = Worker("w", "bow", "here", "idle", 0.0, 0.0, 0, 1, "cpu")
    steps.context = Context(
        place, Board(redis, PREFIX), steps.queue.append, WorkerSession(Board(redis, PREFIX), worker)
    )
    steps.job = store_job(place, store_dataset(place, ["one", "two"], 1), ["bow"])
    start_job(steps.context, steps.job)
    return steps


def cell_of(steps):
    return next(message for message in steps.queue if isinstance(message, ScoreCell))


def attempts(steps, cell):
    """Return the number of the next attempt."""
    with suppress(StorageUnavailable), Attempts(steps.context.board, cell) as counter:
        attempt = counter.count()
        raise StorageUnavailable("gs://x", "503", 1, 1.0)  # so that this one does not count
    return attempt


@pytest.mark.parametrize(
    "unavailable", ["from the start", "once the texts are read", "when the scores are to be stored"]
)
def test_a_cell_is_released_without_its_lease_and_its_attempt_does_not_count(
    steps, proxy, unavailable, monkeypatch
):
    cell = cell_of(steps)
    if unavailable == "from the start":
        proxy.fail_share(1, [UNAVAILABLE])
    elif unavailable == "once the texts are read":

        def make(_):
            raise StorageUnavailable("gs://models", "503", 3, 60.0)

        monkeypatch.setattr(steps, "make", make)
    else:
        proxy.fail_next(1000, UNAVAILABLE, "POST")
    run_step(steps.context, steps.run, cell)
    proxy.stop_failing()
    board = steps.context.board
    assert board.progress(steps.job.id, ["bow"]).status == "running"
    assert leased_steps(board, [cell.step]) == set()
    assert attempts(steps, cell) == 1


def test_the_reconciler_queues_a_released_step_again_once_storage_is_back(steps, proxy):
    reconciler = Reconciler(steps.context)
    reconciler.tick()  # a step missing at one tick may be in flight
    proxy.fail_share(1, [UNAVAILABLE])
    for message in list(steps.queue):
        run_step(steps.context, steps.run, message)
    steps.queue.clear()
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            reconciler.tick()
    assert steps.context.board.progress(steps.job.id, ["bow"]).status == "running"
    proxy.stop_failing()
    reconciler.tick()
    reconciler.tick()
    assert cells_in_flight(steps.context.board, "bow", ()) or steps.queue
    steps.drain()
    assert steps.context.board.progress(steps.job.id, ["bow"]).status == "done"


def test_open_jobs_are_read_again_if_storage_was_unavailable_at_the_first_tick(steps, proxy):
    steps.queue.clear()
    steps.context.board.redis.flushall()  # the board has lost the job
    reconciler = Reconciler(steps.context)
    proxy.fail_share(1, [UNAVAILABLE])
    with pytest.raises(StorageUnavailable):
        reconciler.tick()
    proxy.stop_failing()
    reconciler.tick()
    steps.drain()
    assert steps.context.board.progress(steps.job.id, ["bow"]).status == "done"

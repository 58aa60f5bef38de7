"""A step that finds storage away is handed back, whole: nothing fails, nothing counts, and it is
asked for again.
"""

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
    """Which attempt the next one would be."""
    with suppress(StorageUnavailable), Attempts(steps.context.board, cell) as looking:
        found = looking.count()
        raise StorageUnavailable("gs://x", "503", 1, 1.0)  # which takes it back
    return found


@pytest.mark.parametrize(
    "away", ["from the start", "once the texts are read", "when the scores are to be stored"]
)
def test_a_cell_is_handed_back_with_its_lease_and_its_attempt(steps, proxy, away, monkeypatch):
    cell = cell_of(steps)
    if away == "from the start":
        proxy.fail_share(1, [UNAVAILABLE])
    elif away == "once the texts are read":

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


def test_the_reconciler_asks_for_it_again_once_storage_is_back(steps, proxy):
    reconciler = Reconciler(steps.context)
    reconciler.tick()  # what is missing once may be on its way
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


def test_what_storage_holds_is_looked_at_again_if_it_was_away_when_the_reconciler_began(
    steps, proxy
):
    steps.queue.clear()
    steps.context.board.redis.flushall()  # the board has forgotten the job
    reconciler = Reconciler(steps.context)
    proxy.fail_share(1, [UNAVAILABLE])
    with pytest.raises(StorageUnavailable):
        reconciler.tick()
    proxy.stop_failing()
    reconciler.tick()
    steps.drain()
    assert steps.context.board.progress(steps.job.id, ["bow"]).status == "done"

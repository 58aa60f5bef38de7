"""The roster entry of a scoring worker while its model is loaded, on a real board."""

from models.interface.compute import Compute
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.leases import WorkerSession
from tasks.board.roster import Roster, Worker
from tests.support.runs.steps import PREFIX
from workers.scoring.model_cache import ModelCache
from workers.scoring.scoring_worker import warm_up


def test_a_worker_whose_model_cannot_be_loaded_becomes_idle(place, redis):
    """Workers that start for ever would keep others from starting; an idle one is stopped."""
    board = Board(redis, PREFIX)
    starting = Worker("w", "broken", "here", "starting", 0.0, 0.0, 1, 1)
    warm_up(
        Context(place, board, [].append),
        ModelCache(place, Compute()),
        WorkerSession(board, starting),
    )
    entry = Roster(board).get("w")
    assert entry.state == "idle"
    assert entry.since > 0

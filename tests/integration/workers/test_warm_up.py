"""What a scoring worker says of itself while its model comes into memory, on a real board."""

from models.interface.compute import Compute
from tasks.board.board import Board
from tasks.board.context import Context
from tasks.board.leases import WorkerSession
from tasks.board.roster import Roster, Worker
from tests.support.runs.steps import PREFIX
from workers.scoring.model_cache import ModelCache
from workers.scoring.scoring_worker import warm_up


def test_a_worker_whose_model_cannot_be_loaded_is_idle_and_not_starting_for_ever(place, redis):
    """Enough that start for ever would keep all others from starting; an idle one is stopped in
    time.
    """
    board = Board(redis, PREFIX)
    starting = Worker("w", "broken", "here", "starting", 0.0, 0.0, 1, 1)
    warm_up(
        Context(place, board, [].append),
        ModelCache(place, Compute()),
        WorkerSession(board, starting),
    )
    said = Roster(board).get("w")
    assert said.state == "idle"
    assert said.since > 0

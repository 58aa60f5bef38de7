"""What every step works with."""

from dataclasses import dataclass

from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.leases import WorkerSession
from tasks.broker.celery_app import Publish


@dataclass(frozen=True)
class Context:
    """The root where the files are, the board, the way to ask for more work, and who asks (None: no
    worker).
    """

    place: Place
    board: Board
    publish: Publish
    session: WorkerSession | None = None

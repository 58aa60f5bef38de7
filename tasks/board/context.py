"""The context that every step gets."""

from dataclasses import dataclass

from storage.places.place import Place
from tasks.board.board import Board
from tasks.board.leases import WorkerSession
from tasks.broker.celery_app import Publish


@dataclass(frozen=True)
class Context:
    """The root, the board, the function that publishes messages, and this worker's session.

    `session` is None outside of workers.
    """

    place: Place
    board: Board
    publish: Publish
    session: WorkerSession | None = None

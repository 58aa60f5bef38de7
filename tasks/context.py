"""What every step works with."""

from dataclasses import dataclass

from storage.place import Place
from tasks.app import Publish
from tasks.board import Board


@dataclass(frozen=True)
class Context:
    """The root where the files are, the board, and the way to ask for more work."""

    place: Place
    board: Board
    publish: Publish

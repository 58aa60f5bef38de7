"""How often a cell was taken that has no scores yet, by all workers together: after a few times it
is scored with care.

Key, below the board's prefix:

    attempts:<m>:<version> hash: chunk → attempts
"""

from typing import Self

from storage.places.retry import StorageUnavailable
from tasks.board.board import Board
from tasks.broker.step_messages import ScoreCell

_KEPT = 7 * 24 * 3600  # seconds


class Attempts:
    """Those at one cell. As a context manager: the attempt that fails because storage is away does
    not count.
    """

    def __init__(self, board: Board, cell: ScoreCell) -> None:
        self._board, self._chunk = board, cell.chunk
        self._key = board.key("attempts", cell.model, str(cell.version))
        self._counted = False

    def count(self) -> int:
        """Count an attempt before it begins, and say which it is: 1 for the first."""
        self._counted = True
        pipe = self._board.redis.pipeline(transaction=True)
        pipe.hincrby(self._key, self._chunk, 1)
        pipe.expire(self._key, _KEPT)
        return int(pipe.execute()[0])

    def forget(self) -> None:
        """The cell has its scores."""
        self._board.redis.hdel(self._key, self._chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._counted and isinstance(error, StorageUnavailable):
            self._board.redis.hincrby(self._key, self._chunk, -1)

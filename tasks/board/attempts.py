"""Attempts at scoring a cell that has no scores yet, counted over all workers.

After a few attempts the cell is scored with fault isolation.
"""

from typing import Self

from storage.places.retry import StorageUnavailable
from tasks.board import keys
from tasks.board.board import Board
from tasks.broker.step_messages import ScoreCell

_KEPT_SECONDS = 7 * 24 * 3600


class Attempts:
    """The attempts at one cell.

    As a context manager it takes back an attempt that fails because storage is unavailable.
    """

    def __init__(self, board: Board, cell: ScoreCell) -> None:
        self._board, self._chunk = board, cell.chunk
        self._key = board.key(keys.ATTEMPTS, cell.model, str(cell.version))
        self._counted = False

    def count(self) -> int:
        """Count an attempt before it begins, and return its number: 1 for the first."""
        self._counted = True
        pipe = self._board.redis.pipeline(transaction=True)
        pipe.hincrby(self._key, self._chunk, 1)
        pipe.expire(self._key, _KEPT_SECONDS)
        return int(pipe.execute()[0])

    def reset(self) -> None:
        """Delete the count: the cell has its scores."""
        self._board.redis.hdel(self._key, self._chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self._counted and isinstance(error, StorageUnavailable):
            self._board.redis.hincrby(self._key, self._chunk, -1)

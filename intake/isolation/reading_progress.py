"""How much of an upload was read."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingProgress:
    """The rows that were read so far, and the bytes of `size`.

    A file is read twice: in the first pass, which chooses how it is read, there are no rows yet.
    """

    name: str
    rows: int
    bytes_read: int
    size: int  # of the file as it comes, which may be compressed


ShowReading = Callable[[ReadingProgress], None]

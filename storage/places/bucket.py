"""The requests that an object place makes to a bucket: each is tried once, within a time limit.

Nothing is cached between answers, so that changes by other processes are seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MARK = "chorus-mark"  # the name, in an object's metadata, of what tells whose request has made it


@dataclass(frozen=True)
class Page:
    """One page of a listing: the keys directly below a prefix, and the folders there, with a `/` at
    their end.

    `following` is where the next page begins.
    """

    keys: tuple[str, ...]
    following: str | None


@dataclass(frozen=True)
class ObjectStat:
    """Size and version of an object: they change when the object changes."""

    size: int  # bytes
    version: str


class Bucket(Protocol):
    """A bucket by its client library.

    It raises what the library raises; `storage.places.error_mapping` classifies that.
    """

    def get(self, key: str, seconds: float) -> bytes:
        """Return the object's bytes."""
        ...

    def get_range(self, key: str, start: int, end: int, seconds: float) -> bytes:
        """Return the bytes from `start` to before `end`."""
        ...

    def stat(self, key: str, seconds: float) -> ObjectStat:
        """Return the object's size and version."""
        ...

    def put(self, key: str, data: bytes, mark: str | None, seconds: float) -> None:
        """Write an object; with a mark only if it is absent, in the same request."""
        ...

    def metadata(self, key: str, seconds: float) -> Mapping[str, str]:
        """Return the object's own metadata."""
        ...

    def list_page(self, prefix: str, following: str | None, most: int, seconds: float) -> Page:
        """Return one page of at most `most` keys below a prefix."""
        ...

    def delete(self, key: str, seconds: float) -> None:
        """Delete the object."""
        ...

"""The requests that an object place sends to a bucket: each is tried once, within a time limit.

No answer is cached, so that changes by other processes are seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MARK = "chorus-mark"  # the metadata key of a random value that tells which call created an object


@dataclass(frozen=True)
class Page:
    """One page of a listing: the keys directly below a prefix; those of folders end with `/`."""

    keys: tuple[str, ...]
    next_token: str | None  # requests the next page; None: this is the last one


@dataclass(frozen=True)
class ObjectStat:
    """Size and version of an object: one of them changes whenever the object changes."""

    size: int  # bytes
    version: str


class Bucket(Protocol):
    """A bucket, reached through a client library; `timeout` is in seconds.

    Errors are those of the library; `storage.places.error_mapping` classifies them.
    """

    def get(self, key: str, timeout: float) -> bytes:
        """Return the object's bytes."""
        ...

    def get_range(self, key: str, start: int, end: int, timeout: float) -> bytes:
        """Return the bytes from `start` to before `end`."""
        ...

    def stat(self, key: str, timeout: float) -> ObjectStat:
        """Return the object's size and version."""
        ...

    def put(self, key: str, data: bytes, mark: str | None, timeout: float) -> None:
        """Write an object. With a mark: only if it is absent, checked in the same request."""
        ...

    def metadata(self, key: str, timeout: float) -> Mapping[str, str]:
        """Return the object's own metadata."""
        ...

    def list_page(self, prefix: str, token: str | None, limit: int, timeout: float) -> Page:
        """Return one page of at most `limit` keys below a prefix; `token` None: the first page."""
        ...

    def delete(self, key: str, timeout: float) -> None:
        """Delete the object."""
        ...

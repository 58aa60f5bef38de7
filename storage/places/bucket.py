"""A bucket as an object place asks it: each method is one request, tried once, with a limit in
time.

Nothing is kept from one answer to the next: what others have written since is seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MARK = "chorus-mark"  # the name, in an object's metadata, of what tells whose request has made it


@dataclass(frozen=True)
class Page:
    """A piece of a listing: the keys and, ending in '/', the folders directly below a prefix; and
    where to go on.
    """

    keys: tuple[str, ...]
    following: str | None


@dataclass(frozen=True)
class Stamp:
    """What tells whether an object is still the same."""

    size: int  # bytes
    version: str


class Bucket(Protocol):
    """Raises what its library raises; `storage.places.error_mapping` knows what that means."""

    def get(self, key: str, seconds: float) -> bytes: ...

    def piece(self, key: str, start: int, end: int, seconds: float) -> bytes:
        """The bytes from `start` to before `end`."""
        ...

    def stamp(self, key: str, seconds: float) -> Stamp: ...

    def put(self, key: str, data: bytes, mark: str | None, seconds: float) -> None:
        """With a mark: only if there is no such object, in the one request that also brings the
        bytes.
        """
        ...

    def metadata(self, key: str, seconds: float) -> Mapping[str, str]: ...

    def page(self, prefix: str, following: str | None, most: int, seconds: float) -> Page: ...

    def delete(self, key: str, seconds: float) -> None: ...

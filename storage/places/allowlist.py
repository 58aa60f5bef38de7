"""The allowlist: which files and folders a request may name. Pure, but for the links it follows.

allowed: /srv/exports  gs://acme/inbox

/srv/exports/a.csv      yes
/srv/exports/../a.csv   no: it is /srv/a.csv
gs://acme/inbox/a.csv   yes
gs://acme/inbox-2/a     no: whole names are compared, not prefixes
gs://acme/inbox/../a    no: a bucket has no `..`, and a client might treat it as one
"""

import os.path
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.errors import BadRequest

_SAME = {"gcs": "gs", "s3a": "s3"}  # other names for a scheme
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ODD = re.compile(r"[\x00-\x1f\x7f\\]")

RealPath = Callable[[str], str]


class NotAllowed(BadRequest):
    """A request that names something outside the allowed places."""

    def __init__(
        self, url: str, places: Sequence[str], reason: str = "it lies in none of the allowed places"
    ) -> None:
        self.url, self.places = url, places
        super().__init__(
            f"{url} may not be named: {reason}. Allowed (CHORUS_ALLOWED_PLACES): "
            f"{', '.join(places)}. Use a file or "
            "folder in one of these, or ask whoever runs this service to add a place."
        )


class UnclearLocation(Exception):
    """A path or URL that does not name one file or folder for certain.

    Its text is the reason, for people.
    """


@dataclass(frozen=True)
class Location:
    """A file or folder by its canonical name. One contains another if its parts are a prefix."""

    scheme: str  # "file", "gs", "s3", …
    parts: tuple[str, ...]  # of a file from the root on; of an object the bucket first

    @property
    def url(self) -> str:
        """Path or URL, as `open_place` reads it."""
        if self.scheme == "file":
            return "/" + "/".join(self.parts)
        return f"{self.scheme}://{'/'.join(self.parts)}"

    def is_within(self, other: "Location") -> bool:
        """Return whether it is the other, or lies in it."""
        return self.scheme == other.scheme and self.parts[: len(other.parts)] == other.parts


def canonical_location(url: str, resolve_links: RealPath = os.path.realpath) -> Location:
    """Return the canonical location of a path or URL.

    `resolve_links` follows the links of a local path. Raises UnclearLocation.

        canonical_location("/srv/link/../a.csv") == Location("file", ("srv", "a.csv"))
        canonical_location("GCS://acme/inbox/") == Location("gs", ("acme", "inbox"))
    """
    found = _URL.match(url)
    scheme, rest = (found[1].lower(), found[2]) if found else ("file", url)
    if "://" in url and not found:
        raise UnclearLocation("it is no URL")  # such as chains of fsspec: simplecache::gs://…
    scheme = _SAME.get(scheme, scheme)
    if scheme == "file":
        return Location(scheme, _local_parts(rest, resolve_links))
    parts = tuple(rest.removesuffix("/").split("/"))
    if not parts[0]:
        raise UnclearLocation("it names no bucket")
    if any(part in ("", ".", "..") for part in parts):
        raise UnclearLocation("it has empty parts, or parts named . or ..")
    if _ODD.search(rest) or "::" in rest:
        raise UnclearLocation("it has control characters, backslashes or ::")
    return Location(scheme, parts)


def _local_parts(path: str, real: RealPath) -> tuple[str, ...]:
    if not path or "\0" in path:
        raise UnclearLocation("it is empty, or holds a NUL")
    try:
        found = real(str(Path(path).expanduser().absolute()))
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, an unknown user
        raise UnclearLocation(f"its path cannot be followed ({error})") from None
    return tuple(part for part in found.split("/") if part)


def check_allowed(
    url: str, places: Sequence[str] | None, resolve_links: RealPath = os.path.realpath
) -> str:
    """Return the canonical name of `url`, or `url` itself where `places` is None.

    Use the returned name and not the given one: a link may point elsewhere a moment later. Raises
    NotAllowed.
    """
    if places is None:
        return url
    try:
        asked = canonical_location(url, resolve_links)
    except UnclearLocation as error:
        raise NotAllowed(url, places, str(error)) from None
    if not any(asked.is_within(canonical_location(place, resolve_links)) for place in places):
        raise NotAllowed(url, places)
    return asked.url


def check_allowed_tree(path: str, places: Sequence[str] | None) -> str:
    """Check a local path and everything below it: no link may lead out of the places.

    Returns what `check_allowed` returns. Raises NotAllowed.
    """
    found = check_allowed(path, places)
    todo, seen = [found], {found}
    while places is not None and todo:
        folder = Path(todo.pop())
        for file in folder.iterdir() if folder.is_dir() else ():
            inside = check_allowed(str(file), places)
            if inside not in seen:
                seen.add(inside)
                todo.append(inside)
    return found

"""The allowlist of files and folders that a request may name. Pure, but for following links.

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

_SCHEME_ALIASES = {"gcs": "gs", "s3a": "s3"}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_FORBIDDEN_CHARS = re.compile(r"[\x00-\x1f\x7f\\]")

ResolveLinks = Callable[[str], str]  # local path → the same without links and dots


class NotAllowed(BadRequest):
    """A request that names something outside the allowed places."""

    def __init__(
        self, url: str, places: Sequence[str], reason: str = "it lies in none of the allowed places"
    ) -> None:
        self.url, self.places = url, places
        super().__init__(
            f"{url} may not be named: {reason}. Allowed (CHORUS_ALLOWED_PLACES): "
            f"{', '.join(places)}. Use a file or folder in one of these, or ask the operator of "
            "this service to add a place."
        )


class UnclearLocation(Exception):
    """A path or URL that may be read in more than one way. Its message is the reason."""


@dataclass(frozen=True)
class Location:
    """The canonical name of a file or folder. One contains another if its parts are a prefix."""

    scheme: str  # "file", "gs", "s3", …
    parts: tuple[str, ...]  # of a file: from the root on; of an object: the bucket first

    @property
    def url(self) -> str:
        """Path or URL, as `open_place` reads it."""
        if self.scheme == "file":
            return "/" + "/".join(self.parts)
        return f"{self.scheme}://{'/'.join(self.parts)}"

    def is_within(self, other: "Location") -> bool:
        """Return whether this is the other location, or lies in it."""
        return self.scheme == other.scheme and self.parts[: len(other.parts)] == other.parts


def canonical_location(url: str, resolve_links: ResolveLinks = os.path.realpath) -> Location:
    """Return the canonical location of a path or URL.

    `resolve_links` follows the links of a local path. Raises UnclearLocation.

        canonical_location("/srv/link/../a.csv") == Location("file", ("srv", "a.csv"))
        canonical_location("GCS://acme/inbox/") == Location("gs", ("acme", "inbox"))
    """
    match = _URL.match(url)
    scheme, rest = (match[1].lower(), match[2]) if match else ("file", url)
    if "://" in url and not match:
        # a URL chain of fsspec, for example simplecache::gs://…
        raise UnclearLocation("it is not a valid URL")
    scheme = _SCHEME_ALIASES.get(scheme, scheme)
    if scheme == "file":
        return Location(scheme, _local_parts(rest, resolve_links))
    parts = tuple(rest.removesuffix("/").split("/"))
    if not parts[0]:
        raise UnclearLocation("it names no bucket")
    if any(part in ("", ".", "..") for part in parts):
        raise UnclearLocation("it has empty parts, or parts named . or ..")
    if _FORBIDDEN_CHARS.search(rest) or "::" in rest:
        raise UnclearLocation("it has control characters, backslashes or ::")
    return Location(scheme, parts)


def _local_parts(path: str, resolve_links: ResolveLinks) -> tuple[str, ...]:
    if not path or "\0" in path:
        raise UnclearLocation("it is empty, or contains a NUL character")
    try:
        real_path = resolve_links(str(Path(path).expanduser().absolute()))
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, an unknown user
        raise UnclearLocation(f"its path cannot be resolved ({error})") from None
    return tuple(part for part in real_path.split("/") if part)


def check_allowed(
    url: str, places: Sequence[str] | None, resolve_links: ResolveLinks = os.path.realpath
) -> str:
    """Return the canonical name of `url`, or `url` itself where `places` is None.

    Open the returned name, not the given one: a link may have changed by then. Raises NotAllowed.
    """
    if places is None:
        return url
    try:
        location = canonical_location(url, resolve_links)
    except UnclearLocation as error:
        raise NotAllowed(url, places, str(error)) from None
    if not any(location.is_within(canonical_location(place, resolve_links)) for place in places):
        raise NotAllowed(url, places)
    return location.url


def check_allowed_tree(path: str, places: Sequence[str] | None) -> str:
    """Return what `check_allowed` returns, after checking everything below a local path as well.

    No link in it may lead out of the allowed places. Raises NotAllowed.
    """
    top = check_allowed(path, places)
    unread, seen = [top], {top}
    while places is not None and unread:
        folder = Path(unread.pop())
        for file in folder.iterdir() if folder.is_dir() else ():
            allowed = check_allowed(str(file), places)
            if allowed not in seen:
                seen.add(allowed)
                unread.append(allowed)
    return top

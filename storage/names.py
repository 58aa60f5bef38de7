"""Names that become folders, Redis keys and queues, and the digest of every file."""

import hashlib
import re
from pathlib import Path

from storage.errors import BadRequest

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9_-]+)*")
_MAX_CHARS = 63


class BadName(BadRequest):
    """A name that may not become part of a path, a Redis key or a queue."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(
            f"{kind} name {name[:80]!r} is not allowed. A name has 1 to {_MAX_CHARS} characters: "
            "lower-case letters, digits, '-', '_' and single dots inside, and begins with a letter "
            "or digit."
        )


def is_name(name: str) -> bool:
    """Return whether the name may become part of a path, a Redis key or a queue."""
    return len(name) <= _MAX_CHARS and _NAME.fullmatch(name) is not None


def check_name(kind: str, name: str) -> str:
    """Return `name` unchanged. Raises BadName.

    `kind` says in the error what has this name: customer, model, ….
    """
    if not is_name(name):
        raise BadName(kind, name)
    return name


def digest(data: bytes | memoryview) -> str:
    """Return the SHA-256 of the data as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of_file(file: Path) -> str:
    """Return the SHA-256 of a local file, in the same memory however large it is."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

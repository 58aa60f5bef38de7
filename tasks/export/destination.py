"""The file that an export writes: whole or not at all, and over none but Chorus's own files."""

from collections.abc import Callable, Sequence
from pathlib import Path

from storage.errors import BadRequest
from storage.names import digest_of_file
from storage.places.place import Absent, Place
from storage.records.exported_files import ExportedFile, read_exported, split_url, write_exported


class FileTaken(BadRequest):
    """A file that Chorus did not write, or that was changed since."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"{url} exists, and Chorus did not write it, or it was changed since. Choose another "
            "name, or write over it with --force."
        )


def claim_file(place: Place, url: str, *, force: bool) -> None:
    """Check that the file may be written, before the work for it is done; `place` is the root.

    With `force`, a file that Chorus did not write may be written over from now on. Raises
    FileTaken, UnknownScheme, CannotWrite.
    """
    target, name = split_url(url)
    current = _digest_in(target, name)
    exported = read_exported(place, url)
    if current is None or current in exported.digests:
        return
    if not force:
        raise FileTaken(url)
    write_exported(place, ExportedFile(url=url, jobs=(), digests=(*exported.digests, current)))


def write_whole_file(
    place: Place, url: str, jobs: Sequence[str], write: Callable[[Path], None]
) -> None:
    """Let `write` fill a temporary file, and make it the file at `url` in one step.

    It may be repeated, also after a crash at any moment: the same content is not written again.
    Raises FileTaken, CannotWrite, and what `write` raises.
    """
    target, name = split_url(url)
    with target.new_file(name) as file:
        write(file)
        new = digest_of_file(file)
        current = _digest_in(target, name)
        exported = read_exported(place, url)
        if current not in (None, new, *exported.digests):
            raise FileTaken(url)
        if current != new:
            kept = () if current is None else (current,)
            write_exported(place, ExportedFile(url=url, jobs=(), digests=(new, *kept)))
            if not target.move_in(name, file, replace=current is not None):
                raise FileTaken(url)
    write_exported(place, ExportedFile(url=url, jobs=tuple(jobs), digests=(new,)))


def _digest_in(target: Place, name: str) -> str | None:
    """Return the SHA-256 of a file, None if it does not exist."""
    try:
        with target.local_file(name) as file:
            return digest_of_file(file)
    except Absent:
        return None

"""The file that an export writes: whole or not at all, and over none but Chorus's own files."""

from collections.abc import Callable, Sequence
from pathlib import Path

from storage.errors import BadRequest
from storage.names import digest_of_file
from storage.places.place import Absent, CannotWrite, LocalPlace, Place
from storage.records.exported_files import ExportedFile, read_exported, split_url, write_exported


class NotWritable(BadRequest):
    """A local file whose folder does not exist, or has no place for it."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"Cannot write {url}: {reason}. Choose another path, or correct this.")


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
    FileTaken, NotWritable, UnknownScheme, CannotWrite.
    """
    target, name = split_url(url)
    if isinstance(target, LocalPlace):
        _check_writable(target, name)
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


def _check_writable(folder: LocalPlace, name: str) -> None:
    """Raise NotWritable unless this process can make a file in the folder and read an old one.

    It makes a temporary file: permissions alone do not tell for the administrator, a read-only file
    system or a full one.
    """
    url = folder.url_of(name)
    try:
        if not Path(folder.url).is_dir():
            raise NotWritable(url, f"the folder {folder.url} does not exist")
        if folder.exists(name):
            with Path(url).open("rb"):
                pass
        with folder.new_file(name):
            pass
    except CannotWrite as error:
        raise NotWritable(url, error.reason) from None
    except OSError as error:
        raise NotWritable(url, error.strerror or str(error)) from None


def _digest_in(target: Place, name: str) -> str | None:
    """Return the SHA-256 of a file, None if it does not exist."""
    try:
        with target.local_file(name) as file:
            return digest_of_file(file)
    except Absent:
        return None

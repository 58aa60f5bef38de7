"""Files that were exported: which ones a job should have, and which ones Chorus has written.

`jobs/<job>/files.json` lists the files that were requested with the job, the latest request last;
the job is not done without the file of the latest one. `exports/<digest of the URL>.json` tells
what was written there last, so that only files that Chorus wrote, and that did not change since,
are written over.
"""

from collections.abc import Sequence

from storage.names import digest
from storage.places.open_place import open_place
from storage.places.place import Absent, Place
from storage.places.retry import StorageUnavailable
from storage.record import Record
from storage.records.job_state import labelled_state
from storage.records.jobs import folder, read_end


class RequestedFile(Record):
    """A file that was requested with a job, or with several jobs of one upload."""

    url: str  # a path or a URL; the end of its name says the format
    jobs: tuple[str, ...]  # whose rows it has, side by side


class RequestedFiles(Record):
    """The record files.json of a job: its latest request is the last one."""

    files: tuple[RequestedFile, ...]


class ExportedFile(Record):
    """The content that Chorus wrote to one path or URL.

    While the file is written, `jobs` is empty and `digests` has the new content and the one before.
    """

    url: str
    jobs: tuple[str, ...]  # whose rows it has
    digests: tuple[str, ...]  # SHA-256 of contents that may be written over


def split_url(url: str) -> tuple[Place, str]:
    """Return the place of a file's folder, and the file's name. Raises UnknownScheme."""
    head, slash, name = url.rpartition("/")
    return open_place(head or slash or "."), name


def read_exported(place: Place, url: str) -> ExportedFile:
    """Read what was written to this URL; nothing if nothing was. Raises BadRecord."""
    try:
        return ExportedFile.decode(
            place.read(_exported_path(url)), place.url_of(_exported_path(url))
        )
    except Absent:
        return ExportedFile(url=url, jobs=(), digests=())


def write_exported(place: Place, exported: ExportedFile) -> None:
    """Write the record, over an earlier one. Raises CannotWrite."""
    place.replace(_exported_path(exported.url), exported.encode())


def requested_files(place: Place, job: str) -> tuple[RequestedFile, ...]:
    """Return the files that were requested with a job. Raises BadRecord."""
    try:
        return RequestedFiles.decode(place.read(_path(job)), place.url_of(_path(job))).files
    except Absent:
        return ()


def request_file(place: Place, jobs: Sequence[str], url: str) -> None:
    """Request a file with these jobs: it is their latest one, beside those requested before.

    Requests of which a job's end says that they failed are dropped. Raises BadRecord, CannotWrite.
    """
    requested = RequestedFile(url=url, jobs=tuple(jobs))
    ends = [read_end(place, job) for job in jobs]
    dropped = {url}.union(*(end.files_not_written for end in ends if end is not None))
    for job in jobs:
        before = requested_files(place, job)
        after = (*(file for file in before if file.url not in dropped), requested)
        if after != before:
            place.replace(_path(job), RequestedFiles(files=after).encode())


def forget_requested_files(place: Place, job: str) -> None:
    """Let a job be done without the files that were requested with it, which stay."""
    place.remove(_path(job))


def is_missing(place: Place, job: str, file: RequestedFile) -> bool:
    """Return whether a requested file of a labelled job does not exist with its rows.

    A file of several jobs is missing once all others are labelled, too. One that this process may
    not look at is missing. Raises BadRecord, UnknownScheme.
    """
    return not _is_written(place, file) and all(
        labelled_state(place, other).is_labelled for other in file.jobs if other != job
    )


def is_latest_missing(place: Place, job: str) -> bool:
    """Return whether the file of a labelled job's latest request is missing: it is not done.

    False if no file was requested. Raises BadRecord, UnknownScheme.
    """
    return any(is_missing(place, job, file) for file in requested_files(place, job)[-1:])


def _is_written(place: Place, file: RequestedFile) -> bool:
    target, name = split_url(file.url)
    if read_exported(place, file.url).jobs != file.jobs:
        return False
    try:
        return target.exists(name)
    except StorageUnavailable:
        raise
    except OSError:
        return False


def _exported_path(url: str) -> str:
    return f"exports/{digest(url.encode())[:32]}.json"


def _path(job: str) -> str:
    return f"{folder(job)}/files.json"

"""The labelled output of one job: parts, rejects, `_manifest.json`, `_SUCCESS`.

Only files that the manifest lists belong to the output.
"""

import re

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record

MANIFEST = "_manifest.json"
SUCCESS = "_SUCCESS"
OWNER = "_job"  # contains the id of the job that writes here, so that no two jobs mix their parts

_PART = re.compile(r"part-(\d{5,})\.parquet")
_REJECTS = re.compile(r"_rejects-(\d{5,})\.parquet")


class Part(Record):
    """One file of labelled or rejected rows."""

    name: str
    rows: int
    bytes: int
    sha256: str


class ModelVersion(Record):
    """A model as a job uses it."""

    name: str
    version: int
    digest: str


class EnsembleVersion(Record):
    """An ensemble as a job uses it."""

    name: str
    version: int


class Manifest(Record):
    """The record `_manifest.json`. rows_in = rows_labelled + rows_rejected, always."""

    job: str
    customer: str
    dataset: str
    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    rows_in: int
    rows_labelled: int
    rows_rejected: int
    # URL of the rows that the upload's check rejected, with their reasons
    rejects: str
    parts: tuple[Part, ...]
    # files of the rows that a model could not score, with their reasons
    rejected_parts: tuple[Part, ...] = ()


def default_folder(customer: str, job: str) -> str:
    """Return the folder of a job's output, in the layout of Hive-style partitions."""
    return f"labelled/customer={check_name('customer', customer)}/job={check_name('job', job)}"


def part_name(position: int) -> str:
    """Return the file name of a labelled part."""
    return f"part-{position:05d}.parquet"


def part_positions(output: Place) -> set[int]:
    """Return the positions of the parts that exist."""
    return _positions(output, _PART)


def rejects_name(position: int) -> str:
    """Return the file name of the rejects of a part.

    It begins with an underscore: readers of partitioned datasets skip such files.
    """
    return f"_rejects-{position:05d}.parquet"


def rejects_positions(output: Place) -> set[int]:
    """Return the positions of the chunks that have rows which a model could not score."""
    return _positions(output, _REJECTS)


def is_output_file(name: str) -> bool:
    """Return whether a file of this name belongs to the labelled output of a job."""
    return name in (MANIFEST, SUCCESS) or name.startswith(("part-", "_rejects-"))


def read_manifest(output: Place) -> Manifest | None:
    """Read the manifest; None if it or a file that it lists does not exist."""
    return _read_manifest(output, set(output.names("")))


def read_output(output: Place) -> tuple[Manifest | None, bool]:
    """Return the manifest as `read_manifest` does, and whether the output is complete."""
    names = set(output.names(""))
    manifest = _read_manifest(output, names)
    return manifest, manifest is not None and SUCCESS in names


def is_complete(output: Place) -> bool:
    """Return whether the manifest, every file that it lists, and `_SUCCESS` exist."""
    names = set(output.names(""))
    return SUCCESS in names and _read_manifest(output, names) is not None


def _read_manifest(output: Place, names: set[str]) -> Manifest | None:
    """Read the manifest of a folder that contains files of these names."""
    if MANIFEST not in names:
        return None
    manifest = Manifest.decode(output.read(MANIFEST), output.url_of(MANIFEST))
    listed = (*manifest.parts, *manifest.rejected_parts)
    return manifest if names.issuperset(part.name for part in listed) else None


def _positions(output: Place, pattern: re.Pattern[str]) -> set[int]:
    return {int(match[1]) for name in output.names("") if (match := pattern.fullmatch(name))}

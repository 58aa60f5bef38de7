"""The labelled output of one job: parts, rejects, `_manifest.json`, `_SUCCESS`.

A reader trusts only what the manifest lists.
"""

import re

from storage.names import check_name
from storage.places.place import Place
from storage.record import Record

MANIFEST = "_manifest.json"
SUCCESS = "_SUCCESS"
OWNER = "_job"  # holds the id of the job that writes here, so that no two mix their parts


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
    # where the rows are that were rejected before any model saw them, with their reasons
    rejects: str
    parts: tuple[Part, ...]
    # the rows that a model could not score, with their reasons
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

    Readers of a whole folder skip names that begin with an underscore.
    """
    return f"_rejects-{position:05d}.parquet"


def rejects_positions(output: Place) -> set[int]:
    """Return the positions of the parts that have rejects."""
    return _positions(output, _REJECTS)


def is_output_file(name: str) -> bool:
    """Return whether a file of this name belongs to the labelled output of a job."""
    return name in (MANIFEST, SUCCESS) or name.startswith(("part-", "_rejects-"))


def read_manifest(output: Place) -> Manifest | None:
    """Read the manifest; None until it is written, and again when a file that it lists is gone."""
    return _read_manifest(output, set(output.names("")))


def is_complete(output: Place) -> bool:
    """Return whether the manifest, every file that it lists, and `_SUCCESS` exist."""
    names = set(output.names(""))
    return SUCCESS in names and _read_manifest(output, names) is not None


def _read_manifest(output: Place, names: set[str]) -> Manifest | None:
    """Read the manifest of a folder with files of these names."""
    if MANIFEST not in names:
        return None
    manifest = Manifest.decode(output.read(MANIFEST), output.url_of(MANIFEST))
    listed = (*manifest.parts, *manifest.rejected_parts)
    return manifest if names.issuperset(part.name for part in listed) else None


def _positions(output: Place, pattern: re.Pattern[str]) -> set[int]:
    return {int(found[1]) for name in output.names("") if (found := pattern.fullmatch(name))}

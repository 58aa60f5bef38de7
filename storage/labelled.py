"""The labelled output of one job: parts, `_manifest.json`, `_SUCCESS`. A reader trusts only what the manifest lists."""

from storage.names import check_name
from storage.place import Place
from storage.record import Record

MANIFEST = "_manifest.json"
SUCCESS = "_SUCCESS"
OWNER = "_job"  # holds the id of the job that writes here, so that no two mix their parts


class Part(Record):
    """One labelled file."""

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
    name: str
    version: int


class Manifest(Record):
    """What `_manifest.json` says. rows_in = rows_labelled + rows_rejected, always."""

    job: str
    customer: str
    dataset: str
    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    rows_in: int
    rows_labelled: int
    rows_rejected: int
    rejects: str  # where the rejected rows and their reasons are
    parts: tuple[Part, ...]


def default_folder(customer: str, job: str) -> str:
    """Below the root, in the layout that Hive-style readers take apart by themselves."""
    return f"labelled/customer={check_name('customer', customer)}/job={check_name('job', job)}"


def part_name(position: int) -> str:
    return f"part-{position:05d}.parquet"


def part_positions(output: Place) -> set[int]:
    """Numbers of the parts that are there."""
    return {
        int(name[5:-8])
        for name in output.names("")
        if name.startswith("part-") and name.endswith(".parquet") and name[5:-8].isdigit()
    }


def read_manifest(output: Place) -> Manifest | None:
    """None until every part is there and listed, and again when a listed part is gone."""
    there = set(output.names(""))
    if MANIFEST not in there:
        return None
    manifest = Manifest.decode(output.read(MANIFEST), output.at(MANIFEST))
    return manifest if there.issuperset(part.name for part in manifest.parts) else None

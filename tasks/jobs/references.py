"""References to published versions, which are checked before a version is removed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ensemble.spec import EnsembleRegistry
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.jobs import Job, all_jobs
from storage.versions.version_store import VersionStore

_SHOWN = 10

Version = tuple[str, str, int]  # shelf, name, version: ("models", "topics-bow", 2)


class StillReferenced(BadRequest):
    """A version that was to be removed, and that something refers to."""

    def __init__(self, name: str, version: int, by: list[str]) -> None:
        self.name, self.version, self.by = name, version, by
        shown = ", ".join(by[:_SHOWN]) + (
            f" and {len(by) - _SHOWN} more" if len(by) > _SHOWN else ""
        )
        super().__init__(
            f"{name} version {version} was not removed, because these name it: {shown}. Move the "
            "aliases and remove "
            "the ensembles' versions first. With --force its jobs cannot be resumed, and its "
            "aliases say nothing."
        )


def references_to_versions(
    place: Place, jobs: Iterable[Job] | None = None
) -> Mapping[Version, list[str]]:
    """Return every version that an alias, an ensemble or a stored job refers to, with their names.

    `jobs`: only these of all stored jobs. A member that names an alias refers to no version by
    itself; the alias does. Raises BadRecord.
    """
    references: dict[Version, list[str]] = defaultdict(list)
    models, ensembles = ModelRegistry(place).store, EnsembleRegistry(place).store
    for shelf in (models, ensembles):
        for name in shelf.names():
            for alias, version in shelf.aliases(name).items():
                references[shelf.collection, name, version].append(f"alias {alias}")
    for name in ensembles.names():
        for version in ensembles.versions(name):
            for member in EnsembleRegistry(place).read(name, version).members:
                if isinstance(member.version, int):
                    references[models.collection, member.model, member.version].append(
                        f"ensemble {name} {version}"
                    )
    for job in all_jobs(place) if jobs is None else jobs:
        references[ensembles.collection, job.ensemble.name, job.ensemble.version].append(
            f"job {job.id}"
        )
        for model in job.models:
            references[models.collection, model.name, model.version].append(f"job {job.id}")
    return references


def remove_version(shelf: VersionStore, name: str, version: int, *, force: bool = False) -> None:
    """Remove a version without references; with `force`, one with references too.

    Raises StillReferenced, NotPublished.
    """
    if not force and (
        by := references_to_versions(shelf.place).get((shelf.collection, name, version))
    ):
        raise StillReferenced(name, version, by)
    shelf.remove(name, version)

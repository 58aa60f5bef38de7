"""References to published versions, which are checked before a version is removed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ensemble.spec import EnsembleRegistry
from models.publishing.registry import ModelRegistry
from storage.errors import BadRequest
from storage.places.place import Place
from storage.records.jobs import Job, all_jobs
from storage.versions.version_store import VersionStore

_MAX_SHOWN = 10  # references that an error names

VersionKey = tuple[str, str, int]  # collection, name, version: ("models", "topics-bow", 2)


class StillReferenced(BadRequest):
    """A version that was to be removed, and that something refers to."""

    def __init__(self, name: str, version: int, references: list[str]) -> None:
        self.name, self.version, self.references = name, version, references
        shown = ", ".join(references[:_MAX_SHOWN]) + (
            f" and {len(references) - _MAX_SHOWN} more" if len(references) > _MAX_SHOWN else ""
        )
        super().__init__(
            f"{name} version {version} was not removed, because these refer to it: {shown}. Move "
            "the aliases and remove the ensembles' versions first. --force removes it in any case: "
            "then its jobs cannot be resumed, and its aliases lead nowhere."
        )


def references_to_versions(
    place: Place, jobs: Iterable[Job] | None = None
) -> Mapping[VersionKey, list[str]]:
    """Return version → the aliases, ensemble versions and stored jobs that refer to it, as text.

    `jobs`: only these of all stored jobs. A member that names an alias refers to no version by
    itself; the alias does. Raises BadRecord.
    """
    references: dict[VersionKey, list[str]] = defaultdict(list)
    models, ensembles = ModelRegistry(place).store, EnsembleRegistry(place).store
    for store in (models, ensembles):
        for name in store.names():
            for alias, version in store.aliases(name).items():
                references[store.collection, name, version].append(f"alias {alias}")
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


def remove_version(store: VersionStore, name: str, version: int, *, force: bool = False) -> None:
    """Remove a version that nothing refers to, or with `force` any version.

    Raises StillReferenced, NotPublished.
    """
    if not force and (
        references := references_to_versions(store.place).get((store.collection, name, version))
    ):
        raise StillReferenced(name, version, references)
    store.remove(name, version)

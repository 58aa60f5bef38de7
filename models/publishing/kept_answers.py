"""A model's name keeps its target and labels: a new version answers what the others answer."""

from contextlib import suppress

from models.interface.manifest import ModelManifest, ModelTarget
from models.publishing.registry import ModelRegistry, Tampered
from storage.errors import BadRequest
from storage.places.place import Absent
from storage.record import BadRecord
from storage.versions.version_store import CHAMPION


class OtherAnswers(BadRequest):
    """A new version that would answer another target, or with other labels, than its name does."""

    def __init__(
        self, published: ModelManifest, target: ModelTarget, labels: tuple[str, ...]
    ) -> None:
        self.published, self.target, self.labels = published, target, labels
        super().__init__(
            f"Version {published.version} of {published.name} answers "
            f"{describe_answers(published.target, published.labels)}. The new version would answer "
            f"{describe_answers(target, labels)}. Ensembles rely on what a model's name answers: "
            "correct the data or the options, publish it under another name, or, if the change is "
            "meant, add --new-labels."
        )


def describe_answers(target: ModelTarget, labels: tuple[str, ...]) -> str:
    """Return `mood (one_of: bad, good)`, with the labels sorted."""
    return f"{target.name} ({target.mode}: {', '.join(sorted(labels))})"


def check_answers_kept(
    registry: ModelRegistry, name: str, target: ModelTarget, labels: tuple[str, ...]
) -> None:
    """Check a new version of a model against its champion, or its newest version without one.

    The order of the labels may differ, because scores are combined by label. A name without a
    readable version accepts any answers. Raises OtherAnswers, BadName.
    """
    versions, champion = registry.versions(name), registry.aliases(name).get(CHAMPION)
    for version in sorted(versions, key=lambda version: (version != champion, -version)):
        with suppress(Absent, BadRecord, Tampered):
            published = registry.manifest(name, version)
            if (published.target, set(published.labels)) != (target, set(labels)):
                raise OtherAnswers(published, target, labels)
            return

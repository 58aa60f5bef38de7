"""The models that are published, and the check that every one of their bytes is what was published."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from models.interface.manifest import Artifact, ModelManifest, ModelSpec, digest_of
from storage.errors import BadRequest, ChorusError
from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.versions.version_store import CHAMPION, VersionStore

MANIFEST = "manifest.json"


class Tampered(ChorusError):
    """A file of a published version is not the file that was published."""

    def __init__(self, model: str, version: int, file: str, expected: str, found: str) -> None:
        self.model, self.version, self.file, self.expected, self.found = (
            model,
            version,
            file,
            expected,
            found,
        )
        super().__init__(
            f"{file} of {model} version {version} is not what was published: its SHA-256 should be {expected} and is "
            f"{found}. The model was not loaded. Restore the file, or publish the model again and use the new version."
        )


class NothingToPublish(BadRequest):
    """A folder without files was given as a model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds no files to publish. Give the folder with the model's artifacts."
        )


class ModelRegistry:
    """`registry/models/` below a place: immutable numbered versions, and aliases that move."""

    def __init__(self, place: Place) -> None:
        self.store = VersionStore(place, "models", MANIFEST)

    def names(self) -> list[str]:
        """Every model with at least one version, sorted."""
        return self.store.names()

    def versions(self, name: str) -> list[int]:
        """Its versions, ascending; empty when there are none."""
        return self.store.versions(name)

    def aliases(self, name: str) -> dict[str, int]:
        """Alias → version."""
        return self.store.aliases(name)

    def folder(self, name: str, version: int) -> str:
        """Where a version lies, below the place."""
        return self.store.folder(name, version)

    def resolve(self, name: str, version_or_alias: int | str = CHAMPION) -> ModelManifest:
        """The manifest behind a version number or an alias. Raises NotPublished, BadRecord,
        Tampered.
        """
        return self.manifest(name, self.store.resolve(name, version_or_alias))

    def manifest(self, name: str, version: int) -> ModelManifest:
        """Raises Absent, BadRecord, and Tampered if the manifest does not agree with its own
        digest.
        """
        data, where = self.store.read_record(name, version)
        manifest = ModelManifest.decode(data, where)
        found = digest_of(manifest, manifest.artifacts)
        if found != manifest.digest:
            raise Tampered(name, version, MANIFEST, manifest.digest, found)
        if (manifest.name, manifest.version) != (name, version):
            raise Tampered(
                name,
                version,
                MANIFEST,
                "its own",
                f"that of {manifest.name} version {manifest.version}",
            )
        return manifest

    def publish(
        self, name: str, folder: Path, spec: ModelSpec, published_at: datetime
    ) -> ModelManifest:
        """Make the files of a folder the next version of a model; the first version becomes
        champion.

        Every plain file directly in the folder is an artifact. Two publishers at once get two
        versions. Raises BadName, NothingToPublish, CannotWrite.
        """
        files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
        if not files:
            raise NothingToPublish(folder)
        artifacts = tuple(
            Artifact(file=file, bytes=path.stat().st_size, sha256=_digest(path))
            for file, path in files.items()
        )
        manifest = ModelManifest(
            **dict(spec),
            name=name,
            version=self.store.claim(name),
            artifacts=artifacts,
            digest=digest_of(spec, artifacts),
            published_at=published_at,
        )
        self.store.fill(name, manifest.version, files, manifest.encode(), published_at)
        return manifest

    @contextmanager
    def verified(self, manifest: ModelManifest) -> Iterator[Path]:
        """A local folder with the version's artifacts, all of them checked before the block begins.

        The folder is the published one, or a copy that lasts as long as the block. Raises Tampered.
        """
        with ExitStack() as stack:
            checked = (self._checked(manifest, artifact) for artifact in manifest.artifacts)
            files = list(map_concurrently(self.store.place, stack.enter_context, checked))
            if len({file.parent for file in files}) == 1:
                yield files[0].parent
                return
            together = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-")))
            for file in files:
                (together / file.name).symlink_to(file)
            yield together

    @contextmanager
    def _checked(self, manifest: ModelManifest, artifact: Artifact) -> Iterator[Path]:
        path = f"{self.store.folder(manifest.name, manifest.version)}/{artifact.file}"
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self.store.place.local(path))
            except Absent:
                found = "missing"
            else:
                found = _digest(file)
            if found != artifact.sha256:
                raise Tampered(
                    manifest.name, manifest.version, artifact.file, artifact.sha256, found
                )
            yield file


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

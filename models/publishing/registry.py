"""The registry of published models, which checks that each file is the one that was published."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from models.interface.manifest import Artifact, ModelManifest, ModelSpec, digest_of
from storage.errors import BadRequest, ChorusError
from storage.names import digest_of_file
from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.versions.version_store import CHAMPION, VersionStore

MANIFEST = "manifest.json"


class Tampered(ChorusError):
    """A file of a published version that differs from the one that was published."""

    def __init__(self, model: str, version: int, file: str, expected: str, actual: str) -> None:
        self.model, self.version, self.file = model, version, file
        self.expected, self.actual = expected, actual
        super().__init__(
            f"{file} of {model} version {version} is not what was published: its SHA-256 should be "
            f"{expected} and is {actual}. The model was not loaded. Restore the file, or publish "
            "the model again and use the new version."
        )


class NothingToPublish(BadRequest):
    """A folder without files that was given as a model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds no files to publish. Give the folder with the model's artifacts."
        )


class ModelRegistry:
    """The folder `registry/models/` of a place: immutable numbered versions, and aliases."""

    def __init__(self, place: Place) -> None:
        self.store = VersionStore(place, "models", MANIFEST)

    def names(self) -> list[str]:
        """List every model with at least one version, sorted."""
        return self.store.names()

    def versions(self, name: str) -> list[int]:
        """List the versions of a model in ascending order; none if it is not published."""
        return self.store.versions(name)

    def aliases(self, name: str) -> dict[str, int]:
        """Return the version of each alias."""
        return self.store.aliases(name)

    def folder(self, name: str, version: int) -> str:
        """Return the path of a version below the place."""
        return self.store.folder(name, version)

    def resolve(self, name: str, version_or_alias: int | str = CHAMPION) -> ModelManifest:
        """Read the manifest of a version number or an alias.

        Raises NotPublished, BadRecord, Tampered.
        """
        return self.manifest(name, self.store.resolve(name, version_or_alias))

    def manifest(self, name: str, version: int) -> ModelManifest:
        """Read a manifest, and check it against its own digest.

        Raises Absent, BadRecord, Tampered.
        """
        data, path = self.store.read_record(name, version)
        manifest = ModelManifest.decode(data, path)
        digest = digest_of(manifest, manifest.artifacts)
        if digest != manifest.digest:
            raise Tampered(name, version, MANIFEST, manifest.digest, digest)
        if (manifest.name, manifest.version) != (name, version):
            other = f"that of {manifest.name} version {manifest.version}"
            raise Tampered(name, version, MANIFEST, "its own", other)
        return manifest

    def publish(
        self, name: str, folder: Path, spec: ModelSpec, published_at: datetime
    ) -> ModelManifest:
        """Publish the files of a folder as the next version of a model.

        Every plain file directly in the folder is an artifact. The first version becomes champion.
        Two publishers at once get two versions. Raises BadName, NothingToPublish, CannotWrite.
        """
        files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
        if not files:
            raise NothingToPublish(folder)
        artifacts = tuple(
            Artifact(file=file, bytes=path.stat().st_size, sha256=digest_of_file(path))
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
        self.store.write_version(name, manifest.version, files, manifest.encode(), published_at)
        return manifest

    @contextmanager
    def verified(self, manifest: ModelManifest) -> Iterator[Path]:
        """Yield a local folder with the version's artifacts, all checked before the block begins.

        It is the published folder, or a copy that lasts as long as the block. Raises Tampered.
        """
        with ExitStack() as stack:
            checks = (self._verified_file(manifest, artifact) for artifact in manifest.artifacts)
            files = list(map_concurrently(self.store.place, stack.enter_context, checks))
            if len({file.parent for file in files}) == 1:
                yield files[0].parent
                return
            together = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-")))
            for file in files:
                (together / file.name).symlink_to(file)
            yield together

    @contextmanager
    def _verified_file(self, manifest: ModelManifest, artifact: Artifact) -> Iterator[Path]:
        path = f"{self.folder(manifest.name, manifest.version)}/{artifact.file}"
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self.store.place.local_file(path))
            except Absent:
                digest = "missing"
            else:
                digest = digest_of_file(file)
            if digest != artifact.sha256:
                raise Tampered(
                    manifest.name, manifest.version, artifact.file, artifact.sha256, digest
                )
            yield file

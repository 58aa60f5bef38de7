"""Worker profiles: how fast a model's worker scores, how long it starts, how much memory it needs.

Workers measure them. The board holds the latest in the hash `measured:<model>`, and
`registry/models/<model>/<version>/measured.json` keeps it. Before that it is estimated.
"""

from functools import lru_cache
from typing import Any, cast

from models.interface.manifest import Measurements, ModelManifest
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.place import Absent, Place
from storage.places.retry import StorageUnavailable
from storage.record import BadRecord, Record
from tasks.board import keys
from tasks.board.board import Board

_FILE = "measured.json"
_STORED_AGAIN = 1.1  # factor by which a figure has to change before it is stored again
_WORKER_SECONDS, _WORKER_MEMORY = 1.0, 50_000_000  # that a worker needs beside its model


class WorkerProfile(Record):
    """The needs and the speed of one worker of a model."""

    rate: float  # rows a second
    start_seconds: float  # from the start of its process to the model in memory
    memory: int  # the most bytes so far
    # processor seconds of that start; 0: not measured
    start_work: float = 0.0
    # processor seconds a row, of all threads; on a GPU seconds. 0: not measured
    row_seconds: float = 0.0
    # mean characters of the rows that this was measured on; 0: not measured
    row_chars: float = 0.0

    def seconds(self, rows: float, chars: float | None) -> float:
        """Return the processor seconds (GPU seconds on a GPU) that so many rows take.

        `chars`: characters of these rows together, if known: the cost of a row grows with its
        length. Before it was measured, a worker is assumed to use one processor fully.
        """
        if not self.row_seconds:
            return rows / self.rate
        return self.row_seconds * (chars / self.row_chars if chars and self.row_chars else rows)


def read_profile(place: Place, board: Board, model: str) -> WorkerProfile:
    """Return the model's profile as last measured; what was not measured is as expected."""
    fields = cast("dict[bytes, bytes]", board.redis.hgetall(board.key(keys.PROFILE, model)))
    measured = {name.decode(): float(value) for name, value in fields.items()}
    return WorkerProfile(**expected_profile(place, model).model_dump() | measured)


def publish_profile(board: Board, model: str, profile: WorkerProfile) -> None:
    """Write the model's profile to the board."""
    fields: dict[Any, Any] = profile.model_dump()
    board.redis.hset(board.key(keys.PROFILE, model), mapping=fields)


def store_profile(place: Place, model: str, version: int, profile: WorkerProfile) -> None:
    """Store the profile beside the model version, unless the stored one is nearly the same."""
    stored = _stored_profile(place, model, version)
    if stored is None or not _alike(stored, profile):
        place.replace(_path(place, model, version), profile.encode())


def _alike(one: WorkerProfile, other: WorkerProfile) -> bool:
    pairs = zip(one.model_dump().values(), other.model_dump().values(), strict=True)
    return all(max(pair) <= _STORED_AGAIN * min(pair) for pair in pairs)


def _path(place: Place, model: str, version: int) -> str:
    return f"{ModelRegistry(place).folder(model, version)}/{_FILE}"


def _stored_profile(place: Place, model: str, version: int) -> WorkerProfile | None:
    """Return the stored profile; None where there is none that can be read.

    Then it is measured again.
    """
    path = _path(place, model, version)
    try:
        return WorkerProfile.decode(place.read(path), place.url_of(path))
    except StorageUnavailable:
        raise  # or an estimate would be cached
    except (Absent, BadRecord, OSError):
        return None


@lru_cache(1024)
def expected_profile(place: Place, model: str) -> WorkerProfile:
    """Return the champion's expected profile, cached for this process.

    The board has what was measured since. A model that cannot be read is expected to need the
    least; its worker reports the error.
    """
    try:
        return expected_profile_of(place, ModelRegistry(place).resolve(model))
    except ChorusError:
        return _estimate(0)


def expected_profile_of(place: Place, manifest: ModelManifest) -> WorkerProfile:
    """Return the expected profile of a model version.

    It is the stored one of this version, or of the latest earlier version of the same kind; else as
    measured when the version was published; else estimated from the size of its files.
    """
    registry = ModelRegistry(place)
    for version in sorted(registry.versions(manifest.name), reverse=True):
        if version <= manifest.version:
            stored = _stored_profile(place, manifest.name, version)
            if stored is not None and _kind(registry, manifest, version) == manifest.kind:
                return stored
    size = sum(artifact.bytes for artifact in manifest.artifacts)
    return _from_publishing(manifest.measured) or _estimate(size)


def _kind(registry: ModelRegistry, manifest: ModelManifest, version: int) -> str | None:
    """Return the kind of a version; None if it cannot be read."""
    if version == manifest.version:
        return manifest.kind
    try:
        return registry.manifest(manifest.name, version).kind
    except ChorusError:
        return None


def _from_publishing(measured: Measurements | None) -> WorkerProfile | None:
    """Return the profile from publishing, plus what a worker needs beside its model."""
    if measured is None:
        return None
    return WorkerProfile(
        rate=measured.rows_per_second,
        start_seconds=_WORKER_SECONDS + measured.load_seconds,
        memory=_WORKER_MEMORY + measured.memory,
    )


def _estimate(size: int) -> WorkerProfile:
    """Return a profile from the bytes of a model's files."""
    return WorkerProfile(rate=300.0, start_seconds=3.0, memory=200_000_000 + 3 * size)

"""What a worker of a model takes and does: measured by the workers, kept with the version, guessed
before that.

The board holds the latest in the hash `measured:<m>`; `registry/models/<m>/<v>/measured.json`
outlives it.
"""

from functools import lru_cache
from typing import Any, cast

from models.interface.footprint import Measured
from models.interface.manifest import ModelManifest
from models.publishing.registry import ModelRegistry
from storage.errors import ChorusError
from storage.places.place import Absent, Place
from storage.places.retry import StorageUnavailable
from storage.record import BadRecord, Record
from tasks.board.board import Board

_FILE = "measured.json"
_ANEW = 1.1  # a figure that is off by this factor is kept anew
_WORKER_SECONDS, _WORKER_MEMORY = 1.0, 50_000_000  # that a worker takes beside its model


class Needs(Record):
    """Of one worker of a model."""

    rate: float  # rows a second
    start_seconds: float  # from the start of its process to the model in memory
    memory: int  # bytes at the most, so far
    # processor seconds of that start; 0: by a version that did not measure it
    start_work: float = 0.0
    # processor seconds a row, of all threads; on a GPU seconds. 0: not measured
    row_seconds: float = 0.0
    # characters of the rows that this is known of, on average; 0: not measured
    row_chars: float = 0.0

    def seconds(self, rows: float, chars: float | None) -> float:
        """Of a processor (of a GPU, where it computes on one) for so many rows. `chars`: all of
        theirs, if known.

        What a row costs grows with its length. Before it was measured, a worker is taken to fill
        one processor.
        """
        if not self.row_seconds:
            return rows / self.rate
        return self.row_seconds * (chars / self.row_chars if chars and self.row_chars else rows)


def needs(place: Place, board: Board, model: str) -> Needs:
    """As last measured, or else as expected."""
    found = cast("dict[bytes, bytes]", board.redis.hgetall(board.key("measured", model)))
    measured = {name.decode(): float(value) for name, value in found.items()}
    return Needs(**expected(place, model).model_dump() | measured)


def note(board: Board, model: str, measured: Needs) -> None:
    """From now on this is what a worker of the model takes and does."""
    fields: dict[Any, Any] = measured.model_dump()
    board.redis.hset(board.key("measured", model), mapping=fields)


def keep(place: Place, model: str, version: int, measured: Needs) -> None:
    """Keep it with the version, unless what is kept there is nearly the same."""
    before = _kept(place, model, version)
    if before is None or not _alike(before, measured):
        place.replace(_path(place, model, version), measured.encode())


def _alike(one: Needs, other: Needs) -> bool:
    pairs = zip(one.model_dump().values(), other.model_dump().values(), strict=True)
    return all(max(pair) <= _ANEW * min(pair) for pair in pairs)


def _path(place: Place, model: str, version: int) -> str:
    return f"{ModelRegistry(place).folder(model, version)}/{_FILE}"


def _kept(place: Place, model: str, version: int) -> Needs | None:
    """None where nothing is kept, or nothing that can be read: it is measured again."""
    path = _path(place, model, version)
    try:
        return Needs.decode(place.read(path), place.at(path))
    except StorageUnavailable:
        raise  # or a guess would be remembered
    except (Absent, BadRecord, OSError):
        return None


@lru_cache(1024)
def expected(place: Place, model: str) -> Needs:
    """Of the champion, as kept when this process first asked.

    The board knows what was measured since. A model that cannot be read takes what the smallest
    takes, and its worker says what is wrong.
    """
    try:
        return expected_of(place, ModelRegistry(place).resolve(model))
    except ChorusError:
        return _guess(0)


def expected_of(place: Place, manifest: ModelManifest) -> Needs:
    """As kept with the version, or with the last one before it of the same kind; as measured when
    it was published; or a guess from the size of its files.
    """
    registry = ModelRegistry(place)
    for version in sorted(registry.versions(manifest.name), reverse=True):
        if version <= manifest.version:
            found = _kept(place, manifest.name, version)
            if found is not None and _kind(registry, manifest, version) == manifest.kind:
                return found
    size = sum(artifact.bytes for artifact in manifest.artifacts)
    return _published(manifest.measured) or _guess(size)


def _kind(registry: ModelRegistry, manifest: ModelManifest, version: int) -> str | None:
    """Of another version; None if that cannot be read."""
    if version == manifest.version:
        return manifest.kind
    try:
        return registry.manifest(manifest.name, version).kind
    except ChorusError:
        return None


def _published(measured: Measured | None) -> Needs | None:
    """A worker is a process on trial, and what makes it a worker."""
    if measured is None:
        return None
    return Needs(
        rate=measured.rows_per_second,
        start_seconds=_WORKER_SECONDS + measured.load_seconds,
        memory=_WORKER_MEMORY + measured.memory,
    )


def _guess(size: int) -> Needs:
    """From the bytes of a model's files."""
    return Needs(rate=300.0, start_seconds=3.0, memory=200_000_000 + 3 * size)

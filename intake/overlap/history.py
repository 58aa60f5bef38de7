"""What an upload shares with earlier ones of its customer: their sketches are looked through, and
its own is left.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

from intake.overlap.match import find_source_chunks, shares_any
from intake.overlap.sample import TextSample, low_bits_zero
from storage.errors import ChorusError
from storage.places.concurrent import both, side_by_side
from storage.places.place import Absent, Place
from storage.places.retry import StorageUnavailable
from storage.records import sketch
from storage.records.feedback import Chunk, Dataset, dataset_path
from storage.records.sketch import BadSketch, Sketch, SketchName, UInt64, sketch_names

_FEW = 32  # rows: an upload of fewer is scored again sooner than anything is looked for
_MOST_SKETCHES = 64
_MOST_BYTES = 256 << 20
# of sketches that are read: less than a tenth of the time that taking in a row needs
_BYTES_A_ROW = 512
_AHEAD = 32 << 20  # bytes of sketches that are read at once
_SMALL = 64  # of datasets with so many times fewer rows not enough could come
_KEPT = 64  # sketches of about one size
_SOME = 4096  # hashes that are looked for before all are

log = logging.getLogger(__name__)


def add_source_chunks(
    place: Place, customer: str, dataset: str, chunks: Sequence[Chunk], sample: TextSample
) -> list[Chunk]:
    """The chunks, with the donors of each and the rows that none of them holds. Raises what the
    place raises.
    """
    rows = sum(chunk.rows for chunk in chunks)
    names = select_sketches(
        [name for name in _names(place, customer, rows) if name.dataset != dataset], rows
    )
    found = find_source_chunks(sample, _related(place, customer, names, sample))
    return [
        chunk.model_copy(
            update={
                "donors": one.source_chunks,
                "new": one.new_rows if one.source_chunks else chunk.rows,
            }
        )
        for chunk, one in zip(chunks, found, strict=True)
    ]


def store_sketch(place: Place, dataset: Dataset, sample: TextSample) -> None:
    """For later uploads, once the dataset is there. What they will not look at any more is removed.

    That it cannot be written is said and no more: nothing depends on it.
    """
    if dataset.taken_in is None or dataset.rows < _FEW:
        return
    name = SketchName.of(dataset.taken_in, dataset.rows, dataset.id)
    try:
        _, there = both(
            place,
            lambda: place.create(name.path(dataset.customer), sketch.encode(sample.sketch())),
            lambda: sketch_names(place, dataset.customer),
        )
        for old in outdated_sketches(there):
            place.remove(old.path(dataset.customer))
    except (ChorusError, OSError) as error:
        log.warning(
            "no sketch of dataset %s, later uploads cannot borrow from it: %s", dataset.id, error
        )


def select_sketches(names: Iterable[SketchName], rows: int) -> list[SketchName]:
    """Of these sketches, the newest first, those that an upload of so many rows can afford to look
    at. Pure.
    """
    found: list[SketchName] = []
    left = min(_MOST_BYTES, rows * _BYTES_A_ROW)
    for name in names:
        if name.rows * _SMALL >= rows and name.bytes <= left and len(found) < _MOST_SKETCHES:
            left -= name.bytes
            found.append(name)
    return found


def outdated_sketches(names: Iterable[SketchName]) -> list[SketchName]:
    """Of these sketches, the newest first, all but the newest of each size, or the list would grow
    for ever. Pure.
    """
    seen: dict[int, int] = {}
    found = []
    for name in names:
        size = name.rows.bit_length()
        seen[size] = seen.get(size, 0) + 1
        if seen[size] > _KEPT:
            found.append(name)
    return found


def _names(place: Place, customer: str, rows: int) -> list[SketchName]:
    return sketch_names(place, customer) if rows >= _FEW else []


def _related(
    place: Place, customer: str, names: Sequence[SketchName], sample: TextSample
) -> Iterator[tuple[str, Sketch]]:
    """(dataset, its sketch) of those that share something with a sample of ours, and whose dataset
    is there.
    """
    some = _some(sample) if names else None

    def shared(name: SketchName) -> Sketch | None:
        try:
            found = sketch.read(place, name.path(customer))
        except Absent:
            return None
        except StorageUnavailable:
            raise  # or each of them would be waited for
        except (BadSketch, OSError) as error:
            log.warning("passed over: %s", error)
            return None
        is_shared = some is not None and shares_any(some, found)
        return found if is_shared and place.exists(dataset_path(customer, name.dataset)) else None

    largest = max((name.bytes for name in names), default=1)
    for name, found in zip(
        names, side_by_side(place, shared, names, max(1, _AHEAD // largest)), strict=False
    ):
        if found is not None:
            yield name.dataset, found


def _some(sample: TextSample) -> UInt64:
    """A sample of the sample, ascending; the same part of it for every upload."""
    hashes = sample.hashes()
    bits = max(0, (len(hashes) // _SOME).bit_length())
    hashes = hashes[low_bits_zero(hashes, max(bits, sample.bits))]
    hashes.sort()
    return hashes

"""The overlap of an upload with earlier datasets of its customer.

Each stored dataset leaves a sketch, a sample of the hashes of its texts. A later upload reads the
sketches and records in which earlier chunks some of its texts are; score reuse starts from there.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

from intake.overlap.match import find_source_chunks, shares_any
from intake.overlap.sample import TextSample, low_bits_zero
from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently, run_both
from storage.places.place import Absent, Place
from storage.places.retry import StorageUnavailable
from storage.records import sketch
from storage.records.feedback import Chunk, Dataset, dataset_path
from storage.records.sketch import BadSketch, Sketch, SketchName, UInt64, sketch_names

_MIN_ROWS = 32  # to score fewer rows again takes less time than to read any sketch
_MAX_SKETCHES = 64  # that one upload reads
_MAX_BYTES = 256 << 20  # of sketches that one upload reads
# of sketches that are read: less than a tenth of the time that intake of a row takes
_BYTES_PER_ROW = 512
_READ_AHEAD_BYTES = 32 << 20  # of sketches that are read at once
_MAX_SIZE_RATIO = 64  # a dataset with so many times fewer rows cannot hold enough of the texts
_KEPT_PER_SIZE = 64  # sketches of about one size
_SUBSAMPLE_HASHES = 4096  # are searched for in a sketch before all are

log = logging.getLogger(__name__)


def add_source_chunks(
    place: Place, customer: str, dataset: str, chunks: Sequence[Chunk], sample: TextSample
) -> list[Chunk]:
    """Return the chunks, each with its source chunks and the number of rows that none of them has.

    Raises what the place raises.
    """
    rows = sum(chunk.rows for chunk in chunks)
    earlier = [
        name for name in _customer_sketches(place, customer, rows) if name.dataset != dataset
    ]
    names = select_sketches(earlier, rows)
    matches = find_source_chunks(sample, _overlapping_sketches(place, customer, names, sample))
    return [
        chunk.model_copy(
            update={
                "donors": match.source_chunks,
                "new": match.new_rows if match.source_chunks else chunk.rows,
            }
        )
        for chunk, match in zip(chunks, matches, strict=True)
    ]


def store_sketch(place: Place, dataset: Dataset, sample: TextSample) -> None:
    """Store the sketch of a stored dataset for later uploads, and remove outdated ones.

    If it cannot be written, a warning is logged: nothing depends on it.
    """
    if dataset.taken_in is None or dataset.rows < _MIN_ROWS:
        return
    name = SketchName.of(dataset.taken_in, dataset.rows, dataset.id)
    try:
        _, names = run_both(
            place,
            lambda: place.create(name.path(dataset.customer), sketch.encode(sample.sketch())),
            lambda: sketch_names(place, dataset.customer),
        )
        for outdated in outdated_sketches(names):
            place.remove(outdated.path(dataset.customer))
    except (ChorusError, OSError) as error:
        log.warning(
            "no sketch of dataset %s was stored, so later uploads cannot reuse its scores: %s",
            dataset.id,
            error,
        )


def select_sketches(names: Iterable[SketchName], rows: int) -> list[SketchName]:
    """Return the sketches that an upload of so many rows can afford to read.

    `names`: of all sketches, the newest first. Pure.
    """
    selected: list[SketchName] = []
    remaining_bytes = min(_MAX_BYTES, rows * _BYTES_PER_ROW)
    for name in names:
        large_enough = name.rows * _MAX_SIZE_RATIO >= rows
        if large_enough and name.bytes <= remaining_bytes and len(selected) < _MAX_SKETCHES:
            remaining_bytes -= name.bytes
            selected.append(name)
    return selected


def outdated_sketches(names: Iterable[SketchName]) -> list[SketchName]:
    """Return all but the newest sketches of each size, or their number would grow without end.

    `names`: of all sketches, the newest first. Pure.
    """
    count_by_size: dict[int, int] = {}
    outdated = []
    for name in names:
        size = name.rows.bit_length()
        count_by_size[size] = count_by_size.get(size, 0) + 1
        if count_by_size[size] > _KEPT_PER_SIZE:
            outdated.append(name)
    return outdated


def _customer_sketches(place: Place, customer: str, rows: int) -> list[SketchName]:
    return sketch_names(place, customer) if rows >= _MIN_ROWS else []


def _overlapping_sketches(
    place: Place, customer: str, names: Sequence[SketchName], sample: TextSample
) -> Iterator[tuple[str, Sketch]]:
    """Yield (dataset, its sketch) of stored datasets that share a text with the sample."""
    subsample = _subsample(sample) if names else None

    def read_if_overlapping(name: SketchName) -> Sketch | None:
        try:
            earlier = sketch.read(place, name.path(customer))
        except Absent:
            return None
        except StorageUnavailable:
            raise  # else every further sketch would be waited for
        except (BadSketch, OSError) as error:
            log.warning("a sketch is ignored: %s", error)
            return None
        if subsample is None or not shares_any(subsample, earlier):
            return None
        return earlier if place.exists(dataset_path(customer, name.dataset)) else None

    largest = max((name.bytes for name in names), default=1)
    concurrency = max(1, _READ_AHEAD_BYTES // largest)
    sketches = map_concurrently(place, read_if_overlapping, names, concurrency)
    for name, earlier in zip(names, sketches, strict=False):
        if earlier is not None:
            yield name.dataset, earlier


def _subsample(sample: TextSample) -> UInt64:
    """Return some hashes of the sample, ascending, chosen by the same rule for every upload."""
    hashes = sample.hashes()
    bits = max(0, (len(hashes) // _SUBSAMPLE_HASHES).bit_length())
    hashes = hashes[low_bits_zero(hashes, max(bits, sample.bits))]
    hashes.sort()
    return hashes

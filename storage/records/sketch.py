"""Sketches: samples of the hashes of a dataset's texts, in `sketches/<customer>/`.

Comparing two sketches shows which chunks of an earlier dataset have texts of a new one. A file is
named `<time of the upload>-<rows>-<dataset>.arrow`: names sort by time and tell how much there is
to read. Sketches only save work: a missing one, or one without its dataset, does no harm.
"""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.errors import ChorusError
from storage.names import check_name
from storage.places.place import Place

UInt64 = npt.NDArray[np.uint64]
UInt32 = npt.NDArray[np.uint32]

MAX_HASHES = 1 << 20  # in a sketch, which then has 12 MB
_BYTES_PER_HASH = 12
_SUFFIX = ".arrow"


class BadSketch(ChorusError):
    """A file with the name of a sketch that is not a complete sketch."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        super().__init__(
            f"{where} is not a complete sketch ({reason}). Remove it: sketches only save work."
        )


@dataclass(frozen=True)
class Sketch:
    """Hashes of texts, each with a chunk that has the text.

    The sample is of the hashes whose lowest `bits` bits are zero; with `bits` 0 it has all hashes.
    """

    bits: int
    hashes: UInt64  # [n] ascending; a text in several chunks has an entry for each
    chunks: UInt32  # [n] positions in the dataset, ascending where the hashes are equal


@dataclass(frozen=True)
class SketchName:
    """The name of a sketch's file, in parts."""

    uploaded_at: str  # of the dataset, UTC, 20260102T030405678Z: later times sort later
    rows: int  # of the dataset
    dataset: str

    @classmethod
    def of(cls, uploaded_at: datetime, rows: int, dataset: str) -> Self:
        """Return the name for a dataset that was uploaded at this time, in UTC."""
        return cls(
            f"{uploaded_at:%Y%m%dT%H%M%S}{uploaded_at.microsecond // 1000:03d}Z",
            rows,
            check_name("dataset", dataset),
        )

    @property
    def bytes(self) -> int:
        """Largest possible size of the file's data, in bytes."""
        return min(self.rows, MAX_HASHES) * _BYTES_PER_HASH

    def path(self, customer: str) -> str:
        """Return the path of the sketch."""
        return f"{folder(customer)}/{self.uploaded_at}-{self.rows}-{self.dataset}{_SUFFIX}"


def folder(customer: str) -> str:
    """Return the folder of a customer's sketches."""
    return f"sketches/{check_name('customer', customer)}"


def sketch_names(place: Place, customer: str) -> list[SketchName]:
    """Return the names of a customer's sketches, the newest first."""
    names = []
    for name in reversed(place.names(folder(customer))):
        uploaded_at, rows, dataset = [*name.removesuffix(_SUFFIX).split("-", 2), "", ""][:3]
        if name.endswith(_SUFFIX) and rows.isdigit() and dataset:
            names.append(SketchName(uploaded_at, int(rows), dataset))
    return names


def remove_sketches(place: Place, customer: str, dataset: str) -> None:
    """Remove the sketch of a dataset, if it has one."""
    for name in sketch_names(place, customer):
        if name.dataset == dataset:
            place.remove(name.path(customer))


def encode(sketch: Sketch) -> bytes:
    """Encode a sketch as an Arrow IPC file with `bits` in the schema's metadata."""
    columns = {"hash": pa.array(sketch.hashes), "chunk": pa.array(sketch.chunks)}
    table = pa.table(columns).replace_schema_metadata({"bits": str(sketch.bits)})
    sink = BytesIO()  # needs a third of the memory of Arrow's own sink
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def decode(data: bytes, where: str) -> Sketch:
    """Return the sketch in a file's bytes; `where` names it in the error. Raises BadSketch."""
    try:
        table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        hashes = table["hash"].to_numpy().astype(np.uint64, casting="safe", copy=False)
        chunks = table["chunk"].to_numpy().astype(np.uint32, casting="safe", copy=False)
        return Sketch(int((table.schema.metadata or {})[b"bits"]), hashes, chunks)
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise BadSketch(where, str(error)) from error


def read(place: Place, path: str) -> Sketch:
    """Read a sketch. Raises Absent, BadSketch."""
    return decode(place.read(path), place.url_of(path))

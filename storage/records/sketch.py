"""Sketches: a sample of a dataset's texts, by hash, in `sketches/<customer>/`.

A file is named `<time of the upload>-<rows>-<dataset>.arrow`, so that names sort by time and say
how much there is to read. A sketch says which datasets and chunks may have the texts of another. It
is a hint: a missing sketch, or one without its dataset, does no harm.
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

MAX_HASHES = 1 << 20  # hashes in a sketch: 12 MB
_ROW_BYTES = 12
_SUFFIX = ".arrow"


class BadSketch(ChorusError):
    """A file with the name of a sketch that is not a whole sketch."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        super().__init__(
            f"{where} is not a whole sketch ({reason}). Remove it: it only saves work."
        )


@dataclass(frozen=True)
class Sketch:
    """Text hashes and the chunks that have these texts.

    Of all hashes it holds those whose low `bits` bits are zero: all of them at 0.
    """

    bits: int
    hashes: UInt64  # [n] ascending; a text in several chunks is there several times
    chunks: UInt32  # [n] positions in the dataset, ascending where the hashes are equal


@dataclass(frozen=True)
class SketchName:
    """The facts in the name of a sketch."""

    uploaded_at: str  # the dataset was taken in, such that later is greater
    rows: int  # of the dataset
    dataset: str

    @classmethod
    def of(cls, taken_in: datetime, rows: int, dataset: str) -> Self:
        """Return the name for a dataset that was taken in at this time, in UTC."""
        return cls(
            f"{taken_in:%Y%m%dT%H%M%S}{taken_in.microsecond // 1000:03d}Z",
            rows,
            check_name("dataset", dataset),
        )

    @property
    def bytes(self) -> int:
        """Largest number of bytes to read."""
        return min(self.rows, MAX_HASHES) * _ROW_BYTES

    def path(self, customer: str) -> str:
        """Return the path of the sketch."""
        return f"{folder(customer)}/{self.uploaded_at}-{self.rows}-{self.dataset}{_SUFFIX}"


def folder(customer: str) -> str:
    """Return the folder of a customer's sketches."""
    return f"sketches/{check_name('customer', customer)}"


def sketch_names(place: Place, customer: str) -> list[SketchName]:
    """Return the names of a customer's sketches, the newest first."""
    found = []
    for name in reversed(place.names(folder(customer))):
        when, rows, dataset = [*name.removesuffix(_SUFFIX).split("-", 2), "", ""][:3]
        if name.endswith(_SUFFIX) and rows.isdigit() and dataset:
            found.append(SketchName(when, int(rows), dataset))
    return found


def encode(sketch: Sketch) -> bytes:
    """Encode a sketch as an Arrow IPC file, `bits` in the schema's metadata."""
    columns = {"hash": pa.array(sketch.hashes), "chunk": pa.array(sketch.chunks)}
    table = pa.table(columns).replace_schema_metadata({"bits": str(sketch.bits)})
    sink = BytesIO()  # a third of the memory that Arrow's own sink needs for so long a table
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

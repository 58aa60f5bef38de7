"""The dataset of one upload: `feedback/<customer>/<dataset>/` with its chunks and rejects.

dataset.json is written last. Without it the dataset does not exist.
"""

import hashlib
import logging
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from storage.errors import ChorusError
from storage.names import check_name, is_name
from storage.places.concurrent import map_concurrently
from storage.places.place import Absent, Place
from storage.record import Record
from storage.records.labelled_output import EnsembleVersion, ModelVersion
from storage.tables import decode_parquet, encode_parquet

log = logging.getLogger(__name__)

CHUNK = pa.schema(
    [
        # number of the record in the upload, from 1, without the header; in a sheet, of the row
        pa.field("row", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("text", pa.string()),  # as uploaded
        pa.field("clean", pa.string()),  # what the models read; null where that is `text` itself
        pa.field("extra", pa.map_(pa.string(), pa.string())),  # the upload's other columns
    ]
)

REJECTS = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("id", pa.string()),  # null if the row has no valid id
        pa.field("reason", pa.string()),  # one of Dataset.reasons, or MODEL_FAILED
        pa.field("detail", pa.string()),  # an explanation for people
        pa.field("raw", pa.string()),  # the record as uploaded, cut to RAW_CHARS characters
    ]
)

RAW_CHARS = 64 * 1024  # of REJECTS.raw
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
MODEL_FAILED = "model failed"  # the reason of a valid row that a model could not score


class NoDataset(Absent):
    """A dataset that is not stored: its upload never ended, or it was removed."""

    def __init__(self, customer: str, dataset: str, url: str) -> None:
        super().__init__(url)
        self.customer, self.dataset = customer, dataset
        message = f"Dataset {dataset} of {customer} is not stored: it was removed, or its upload "
        self.args = (f"{message}never ended. There is no {url}.",)


class SourceChunk(Record):
    """A chunk of an earlier dataset of the customer that has some of the same texts."""

    dataset: str
    position: int
    # Rows of the new chunk whose text it has. Within its dataset each row counts for one chunk
    # only. An estimate where only samples of the texts were compared.
    shared: int


class Chunk(Record):
    """A chunk's entry in dataset.json; its position in the list is its number."""

    id: str
    rows: int
    chars: int = 0  # characters in all its texts, as the models read them
    # chunks to reuse scores from: those of the newest dataset first, in it the best first
    donors: tuple[SourceChunk, ...] = ()
    # rows whose text is in none of `donors`; None where only samples of the texts were compared
    new: int | None = None


class UploadSource(Record):
    """The upload that a dataset was read from, and how it was read."""

    name: str
    format: str
    encoding: str
    text_column: str
    id_column: str | None
    sha256: str  # of the decompressed bytes
    # All columns in the order of the file, also those of text and id. Empty: stored by a version
    # that did not record it, or a batch of messages.
    columns: tuple[str, ...] = Field(default=(), exclude_if=lambda columns: not columns)
    # of CSV and TSV; empty for other formats, and as for `columns`
    delimiter: str = Field(default="", exclude_if=lambda delimiter: not delimiter)


class FirstLabels(Record):
    """The versions that label a batch of messages, resolved when the batch is stored.

    A repeated submission thus makes the same job.
    """

    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    results: str | None  # the topic that the labels are published to


class Dataset(Record):
    """The record dataset.json. rows_in = rows + rejected, always."""

    customer: str
    id: str
    source: UploadSource
    columns: tuple[str, ...]  # the upload's other columns
    rows_in: int
    rows: int
    rejected: int
    reasons: dict[str, int]  # reason → rows rejected for it
    chunk_rows: int
    chunks: tuple[Chunk, ...]
    taken_in: datetime | None = None  # None: written by a version that did not record it
    first: FirstLabels | None = None  # of a batch of messages; None for an upload
    # Rows of the upload with nothing in them; not part of rows_in.
    blank_rows: int = Field(default=0, exclude_if=lambda rows: rows == 0)

    @property
    def uploaded_at(self) -> datetime:
        """Time of the upload or batch; 1970 if it was not recorded, so that it sorts first."""
        return self.taken_in or _UNKNOWN_TIME

    @cached_property
    def positions(self) -> dict[str, tuple[int, ...]]:
        """Positions of the chunks by chunk id: chunks of equal texts share one id."""
        positions: dict[str, tuple[int, ...]] = {}
        for position, chunk in enumerate(self.chunks):
            positions[chunk.id] = (*positions.get(chunk.id, ()), position)
        return positions


def folder(customer: str, dataset: str) -> str:
    """Return the folder of a dataset."""
    return f"feedback/{check_name('customer', customer)}/{check_name('dataset', dataset)}"


def dataset_path(customer: str, dataset: str) -> str:
    """Return the path of dataset.json."""
    return f"{folder(customer, dataset)}/dataset.json"


def chunk_path(customer: str, dataset: str, position: int) -> str:
    """Return the path of a chunk."""
    return f"{folder(customer, dataset)}/chunk-{position:05d}.parquet"


def is_chunk(path: str) -> bool:
    """Return whether a path below the folder of a dataset is that of a chunk."""
    return path.rpartition("/")[-1].startswith("chunk-")


def rejects_path(customer: str, dataset: str) -> str:
    """Return the path of the rejects."""
    return f"{folder(customer, dataset)}/rejects.parquet"


def read_dataset(place: Place, customer: str, dataset: str) -> Dataset:
    """Read dataset.json. Raises NoDataset, BadRecord."""
    path = dataset_path(customer, dataset)
    try:
        data = place.read(path)
    except Absent:
        raise NoDataset(customer, dataset, place.url_of(path)) from None
    return Dataset.decode(data, place.url_of(path))


def read_chunk(
    place: Place, dataset: Dataset, position: int, columns: list[str] | None = None
) -> pa.Table:
    """Read a chunk, schema CHUNK, or only some of its columns. Raises Absent."""
    return decode_parquet(place.read(chunk_path(dataset.customer, dataset.id, position)), columns)


def read_texts(place: Place, dataset: Dataset, position: int) -> pa.StringArray:
    """Read the texts of a chunk as the models read them, [rows] strings. Raises Absent."""
    return clean_texts(read_chunk(place, dataset, position, ["text", "clean"]))


def clean_texts(chunk: pa.Table) -> pa.StringArray:
    """Return `clean`, or `text` where that needs no cleaning, as one array of [rows] strings."""
    return pc.coalesce(chunk["clean"], chunk["text"]).combine_chunks()


def chunk_id(texts: pa.StringArray) -> str:
    """Return 32 hexadecimal digits that depend only on the texts and their order.

    They are the beginning of a SHA-256 of the number of texts, their lengths and their bytes.
    """
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("<u4")
    hashed = hashlib.sha256(np.uint64(len(texts)).tobytes())
    hashed.update(lengths.tobytes())
    hashed.update(_bytes_of(texts))
    return hashed.hexdigest()[:32]


def _bytes_of(texts: pa.StringArray) -> memoryview:
    """Return the UTF-8 bytes of all texts one after the other, without a copy."""
    _, offsets, data = texts.buffers()
    if data is None or offsets is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, dtype="<i4")[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])]


def encode_chunk(table: pa.Table) -> bytes:
    """Encode a table with schema CHUNK as Parquet."""
    return encode_parquet(table.cast(CHUNK))


def customers(place: Place) -> list[str]:
    """Return the customers with stored feedback, sorted."""
    return [name for name in place.names("feedback") if is_name(name)]


def datasets(place: Place, customer: str) -> list[Dataset]:
    """Return a customer's readable datasets, the oldest first. Raises BadName."""

    def read(name: str) -> Dataset | None:
        try:
            return read_dataset(place, customer, name)
        except Absent:  # the upload is in progress, or was killed
            return None
        except ChorusError as error:
            log.warning(
                "skipping a dataset that cannot be read: %s",
                error,
                extra={"customer": customer},
            )
            return None

    names = place.names(f"feedback/{check_name('customer', customer)}")
    readable = (dataset for dataset in map_concurrently(place, read, names) if dataset is not None)
    return sorted(readable, key=lambda dataset: (dataset.uploaded_at, dataset.id))

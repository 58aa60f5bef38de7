"""The dataset of one upload: `feedback/<customer>/<dataset>/` with its chunks and rejects.

dataset.json is written last: a dataset without it does not exist yet.
"""

import hashlib
import logging
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
        # number of the record in the upload, from 1, header not counted
        pa.field("row", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("text", pa.string()),  # as the caller gave it
        pa.field("clean", pa.string()),  # what the models read; null where that is `text` itself
        pa.field("extra", pa.map_(pa.string(), pa.string())),  # the caller's other columns
    ]
)

REJECTS = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("id", pa.string()),  # null where the row has none that can be used
        pa.field("reason", pa.string()),  # one of Dataset.reasons, or MODEL_FAILED
        pa.field("detail", pa.string()),  # what was found, for people
        pa.field("raw", pa.string()),  # the record as it came, cut to RAW_CHARS characters
    ]
)

RAW_CHARS = 64 * 1024  # of REJECTS.raw
_BEFORE_DATES = datetime(1970, 1, 1, tzinfo=UTC)
# the reason of a row that was feedback, and that a model could not score
MODEL_FAILED = "model failed"


class SourceChunk(Record):
    """A chunk of an earlier dataset of the customer that has some of the same texts."""

    dataset: str
    position: int
    # of our rows that it holds, and no donor before it of the same dataset; estimated from samples
    shared: int


class Chunk(Record):
    """A chunk's entry in dataset.json; its position in the list is its number."""

    id: str
    rows: int
    chars: int = 0  # of all its texts, as the models read them
    # where some of its texts may have been scored: the newest dataset's best first
    donors: tuple[SourceChunk, ...] = ()
    # rows that no donor holds; None where only samples of the texts were compared
    new: int | None = None


class UploadSource(Record):
    """The upload that the dataset was read from, and how it was read."""

    name: str
    format: str
    encoding: str
    text_column: str
    id_column: str | None
    sha256: str  # of the decompressed bytes


class FirstLabels(Record):
    """The versions that label a batch of messages, resolved when the batch is stored.

    A repeated submission thus makes the same job.
    """

    ensemble: EnsembleVersion
    models: tuple[ModelVersion, ...]
    results: str | None  # the topic that hears of the labels


class Dataset(Record):
    """The record dataset.json. rows_in = rows + rejected, always."""

    customer: str
    id: str
    source: UploadSource
    columns: tuple[str, ...]  # the caller's other columns
    rows_in: int
    rows: int
    rejected: int
    reasons: dict[str, int]
    chunk_rows: int
    chunks: tuple[Chunk, ...]
    taken_in: datetime | None = None  # None: by a version that did not write it down
    first: FirstLabels | None = None  # of a batch of messages; of an upload its job says it

    @property
    def uploaded_at(self) -> datetime:
        """Time of the upload; before all others where it was not recorded."""
        return self.taken_in or _BEFORE_DATES

    @cached_property
    def positions(self) -> dict[str, tuple[int, ...]]:
        """Positions of the chunks by chunk id: chunks of equal texts share one id."""
        found: dict[str, tuple[int, ...]] = {}
        for position, chunk in enumerate(self.chunks):
            found[chunk.id] = (*found.get(chunk.id, ()), position)
        return found


def folder(customer: str, dataset: str) -> str:
    """Return the folder of a dataset."""
    return f"feedback/{check_name('customer', customer)}/{check_name('dataset', dataset)}"


def dataset_path(customer: str, dataset: str) -> str:
    """Return the path of dataset.json."""
    return f"{folder(customer, dataset)}/dataset.json"


def chunk_path(customer: str, dataset: str, position: int) -> str:
    """Return the path of a chunk."""
    return f"{folder(customer, dataset)}/chunk-{position:05d}.parquet"


def rejects_path(customer: str, dataset: str) -> str:
    """Return the path of the rejects."""
    return f"{folder(customer, dataset)}/rejects.parquet"


def read_dataset(place: Place, customer: str, dataset: str) -> Dataset:
    """Read dataset.json. Raises Absent, BadRecord."""
    path = dataset_path(customer, dataset)
    return Dataset.decode(place.read(path), place.url_of(path))


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
    """Return 32 hexadecimal digits that follow from the texts and their order alone.

    They are the start of a SHA-256 over the texts' number, lengths and bytes.
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
        except Absent:  # it is being taken in, or an intake was killed
            return None
        except ChorusError as error:
            log.warning(
                "feedback that cannot be read is left alone: %s",
                error,
                extra={"customer": customer},
            )
            return None

    names = place.names(f"feedback/{check_name('customer', customer)}")
    found = (dataset for dataset in map_concurrently(place, read, names) if dataset is not None)
    return sorted(found, key=lambda dataset: (dataset.uploaded_at, dataset.id))

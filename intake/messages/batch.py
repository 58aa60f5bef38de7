"""A batch of messages as a dataset of one chunk: `feedback/<customer>/messages-<time>-<drawn>/`.

The chunk decides. Its file is created if it is absent: by the bridge that collected the batch, or,
empty, by a bridge that abandons the batch because its owner seems dead. Whichever creates it first
has decided for all. dataset.json follows from the chunk, except for the versions that label it:
those are the ones that dataset.json was created with.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intake.dataset.seen_ids import SeenIds
from intake.dataset.validate import validate_block
from intake.messages.message import MessageFeedback
from intake.readers.block import RecordBlock, Reject, extra_map_from_pairs
from storage.names import digest
from storage.places.place import Absent, Place
from storage.records import feedback
from storage.records.feedback import (
    Chunk,
    Dataset,
    FirstLabels,
    UploadSource,
    chunk_id,
    clean_texts,
)
from storage.tables import decode_parquet

_PREFIX = "messages-"
_TIME = "%Y%m%d-%H%M%S-%f"
_DRAWN_DIGITS = 8  # hexadecimal, so that no two batches have one name


def batch_name(now: datetime) -> str:
    """Return a new name, unlike that of any other batch, with the time in UTC."""
    return f"{_PREFIX}{now.astimezone(UTC):{_TIME}}-{secrets.token_hex(_DRAWN_DIGITS // 2)}"


def batch_time(name: str) -> datetime | None:
    """Return when the batch of this name was collected; None if another dataset has the name."""
    try:
        time = name[len(_PREFIX) : -_DRAWN_DIGITS - 1]
        return datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def validate_messages(
    messages: Sequence[MessageFeedback], raw: Sequence[str], max_chars: int
) -> tuple[pa.Table, list[Reject]]:
    """Return the feedback of messages of one customer, schema CHUNK, and the rejects.

    `raw`: [messages] the bodies as they came. `row` is the number of the message, from 1.
    """
    ends = np.cumsum([0, *(len(message.extra) for message in messages)]).tolist()
    block = RecordBlock(
        row_numbers=np.arange(1, len(messages) + 1),
        ids=pa.array([message.id for message in messages], pa.string()),
        texts=pa.array([message.text for message in messages], pa.string()),
        extra=extra_map_from_pairs([pair for message in messages for pair in message.extra], ends),
        columns=(),
        raw_record=lambda position: raw[position],
    )
    return validate_block(block, SeenIds(), max_chars)


def store_chunk(place: Place, customer: str, name: str, table: pa.Table) -> bool:
    """Store the chunk durably; return False if the batch was abandoned and nothing was stored."""
    path, data = feedback.chunk_path(customer, name, 0), feedback.encode_chunk(table)
    return place.create(path, data, durable=True) or place.read(path) == data


def abandon_batch(place: Place, customer: str, name: str) -> bool:
    """Make sure that a batch that is not stored never will be; return False if it is stored."""
    path = feedback.chunk_path(customer, name, 0)
    return place.create(path, b"", durable=True) or not place.read(path)


def read_batch(
    place: Place, customer: str, name: str, columns: list[str] | None = None
) -> pa.Table | None:
    """Return the chunk of a batch, or some of its columns; None if it is not stored."""
    try:
        data = place.read(feedback.chunk_path(customer, name, 0))
    except Absent:
        return None
    return decode_parquet(data, columns) if data else None


def describe_dataset(customer: str, name: str, chunk: pa.Table, first: FirstLabels) -> Dataset:
    """Return the dataset of the stored chunk; `first` are the versions that label it. Pure."""
    texts = clean_texts(chunk)
    chars = pc.sum(pc.utf8_length(texts)).as_py()
    extra = chunk["extra"].combine_chunks()
    return Dataset(
        customer=customer,
        id=name,
        source=UploadSource(
            name="messages",
            format="messages",
            encoding="utf-8",
            text_column="text",
            id_column="id",
            sha256=digest(feedback.encode_chunk(chunk)),
        ),
        columns=tuple(pc.unique(extra.keys).to_pylist()),
        rows_in=chunk.num_rows,
        rows=chunk.num_rows,
        rejected=0,
        reasons={},
        chunk_rows=chunk.num_rows,
        chunks=(Chunk(id=chunk_id(texts), rows=chunk.num_rows, chars=chars),),
        taken_in=batch_time(name),
        first=first,
    )


def create_dataset(place: Place, dataset: Dataset) -> Dataset:
    """Create dataset.json and return the dataset; if it exists, return the stored one.

    The two differ in nothing but the versions that label the batch.
    """
    if place.create(
        feedback.dataset_path(dataset.customer, dataset.id), dataset.encode(), durable=True
    ):
        return dataset
    return feedback.read_dataset(place, dataset.customer, dataset.id)

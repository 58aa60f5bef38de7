"""The scores file of one cell: `scores/<model>/<version>/<chunk id>.arrow`.

It has one float32 column for each label.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.errors import ChorusError
from storage.names import check_name
from storage.places.concurrent import map_concurrently
from storage.places.place import Place
from storage.records.labelled_output import ModelVersion

Float32 = npt.NDArray[np.float32]

# chunks that are asked for one by one: the folder lists every chunk of every job there ever was
_FEW = 16


class BadScores(ChorusError):
    """A scores file that is cut short, or belongs to another model or chunk."""


@dataclass(frozen=True)
class Scores:
    """The scores of one chunk under one model version."""

    model: str
    version: int
    digest: str  # of the model's artifacts
    labels: tuple[str, ...]
    values: Float32  # [rows, labels] probabilities; NaN in the rejected rows, and in no others
    rejected: Mapping[int, str] = field(
        default_factory=dict
    )  # row of the chunk, from 0 → why the model cannot score it


def folder(model: str, version: int) -> str:
    """Return the folder of a model version's scores."""
    return f"scores/{check_name('model', model)}/{version}"


def path(model: str, version: int, chunk: str) -> str:
    """Return the path of a cell's scores."""
    return f"{folder(model, version)}/{chunk}.arrow"


def scored_chunks(place: Place, model: str, version: int, chunks: Collection[str]) -> set[str]:
    """Return those of these chunks that this model version has scored."""
    if len(chunks) <= _FEW:
        there = map_concurrently(
            place, lambda chunk: place.exists(path(model, version, chunk)), chunks
        )
        return {chunk for chunk, found in zip(chunks, there, strict=True) if found}
    found = {
        name.removesuffix(".arrow")
        for name in place.names(folder(model, version))
        if name.endswith(".arrow")
    }
    return found.intersection(chunks)


def encode(scores: Scores) -> bytes:
    """Encode scores as an Arrow IPC file.

    Model, version, digest and rejected rows, if any, are in the schema's metadata.
    """
    metadata: dict[bytes | str, bytes | str] = {
        "model": scores.model,
        "version": str(scores.version),
        "digest": scores.digest,
    }
    if scores.rejected:
        metadata["rejected"] = json.dumps(
            {str(row): scores.rejected[row] for row in sorted(scores.rejected)}
        )
    schema = pa.schema(
        [pa.field(label, pa.float32()) for label in scores.labels], metadata=metadata
    )
    columns = [
        pa.array(np.ascontiguousarray(scores.values[:, column]))
        for column in range(len(scores.labels))
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(pa.table(columns, schema=schema))
    return bytes(sink.getvalue())


def read(place: Place, model: ModelVersion, chunk: str, rows: int) -> Scores:
    """Read the scores of a chunk of `rows` rows under a model version. Raises Absent, BadScores."""
    name = path(model.name, model.version, chunk)
    found = decode(place.read(name), place.url_of(name))
    if found.values.shape[0] != rows or found.digest != model.digest:
        raise BadScores(
            f"{place.url_of(name)} is not of this chunk and model version. Remove it; it will be "
            "scored again."
        )
    return found


def decode(data: bytes, where: str) -> Scores:
    """Return the scores in a file's bytes; `where` names it in the error. Raises BadScores."""
    try:
        table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        metadata = {
            key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()
        }
        values = np.empty((table.num_rows, table.num_columns), dtype=np.float32)
        for column in range(table.num_columns):
            values[:, column] = table.column(column).to_numpy()
        rejected = _rejected(metadata.get("rejected", "{}"), values)
        labels = tuple(table.schema.names)
        return Scores(
            metadata["model"],
            int(metadata["version"]),
            metadata["digest"],
            labels,
            values,
            rejected,
        )
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise BadScores(
            f"{where} is not a whole scores file ({error}). Remove it; it will be scored again."
        ) from error


def _rejected(said: str, values: Float32) -> dict[int, str]:
    """Return the rejected rows in the metadata.

    Raises ValueError unless they are the rows without values.
    """
    rejected = {int(row): str(reason) for row, reason in json.loads(said).items()}
    if np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist() != sorted(rejected):
        raise ValueError("its rows without values are not those it calls rejected")
    return rejected

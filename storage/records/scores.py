"""The scores of one cell: `scores/<model>/<version>/<chunk id>.arrow`.

The file has a float32 column for each label and a row for each row of the chunk.
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

# For up to this many chunks, test each file. The listing of the folder has the chunks of all jobs.
_MAX_SINGLE_TESTS = 16


class BadScores(ChorusError):
    """A scores file that is cut short, or belongs to another model version or chunk."""


@dataclass(frozen=True)
class Scores:
    """The scores of one chunk under one model version."""

    model: str
    version: int
    digest: str  # of the model's artifacts
    labels: tuple[str, ...]
    values: Float32  # [rows, labels] probabilities; NaN in the rejected rows only
    # row of the chunk, from 0 → why the model cannot score it
    rejected: Mapping[int, str] = field(default_factory=dict)


def folder(model: str, version: int) -> str:
    """Return the folder of a model version's scores."""
    return f"scores/{check_name('model', model)}/{version}"


def path(model: str, version: int, chunk: str) -> str:
    """Return the path of a cell's scores."""
    return f"{folder(model, version)}/{chunk}.arrow"


def scored_chunks(place: Place, model: str, version: int, chunks: Collection[str]) -> set[str]:
    """Return those of these chunk ids that the model version has scored."""
    if len(chunks) <= _MAX_SINGLE_TESTS:
        exist = map_concurrently(
            place, lambda chunk: place.exists(path(model, version, chunk)), chunks
        )
        return {chunk for chunk, exists in zip(chunks, exist, strict=True) if exists}
    scored = {
        name.removesuffix(".arrow")
        for name in place.names(folder(model, version))
        if name.endswith(".arrow")
    }
    return scored.intersection(chunks)


def encode(scores: Scores) -> bytes:
    """Encode scores as an Arrow IPC file.

    The schema's metadata has the model, version, digest and, if there are any, rejected rows.
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
    file = path(model.name, model.version, chunk)
    scores = decode(place.read(file), place.url_of(file))
    if scores.values.shape[0] != rows or scores.digest != model.digest:
        raise BadScores(
            f"{place.url_of(file)} belongs to another chunk or model version. Remove it; the chunk "
            "will be scored again."
        )
    return scores


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
            f"{where} is not a complete scores file ({error}). Remove it; the chunk will be scored "
            "again."
        ) from error


def _rejected(encoded: str, values: Float32) -> dict[int, str]:
    """Decode the rejected rows. Raises ValueError unless they are the rows with NaN values."""
    rejected = {int(row): str(reason) for row, reason in json.loads(encoded).items()}
    if np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist() != sorted(rejected):
        raise ValueError("its rows without values are not those listed as rejected")
    return rejected

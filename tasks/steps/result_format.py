"""The messages with a job's results, built from the rows of a part. Pure; see docs/messages.md.

The same rows give the same bytes. They are built column by column: a job may have millions of rows.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from json import JSONEncoder
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ensemble.spec import Target
from intake.messages.topic import MAX_ATTRIBUTE_BYTES, MAX_DATA_BYTES, OutgoingMessage
from storage.errors import ChorusError
from storage.records.jobs import Job

_json_string: Callable[[str], str] = JSONEncoder(ensure_ascii=False).encode


class NotFinite(ChorusError):
    """A probability that is not a finite number."""

    def __init__(self, part: str, column: str) -> None:
        self.part, self.column = part, column
        super().__init__(
            f"{part} has a value in {column} that is not a finite number: the file was damaged. "
            "Remove it and resume the job."
        )


def columns_to_read(targets: Iterable[Target]) -> list[str]:
    """Return the columns of a part that its messages need."""
    answers = [name for target in targets for name in (target.name, f"{target.name}_probabilities")]
    return ["id", *answers, "agreement", "needs_review"]


def labelled_messages(
    job: Job,
    targets: Sequence[Target],
    part: str,
    rows: pa.Table,
    first: int,
    max_bytes: int = MAX_DATA_BYTES,
) -> list[OutgoingMessage]:
    """Return the messages of labelled rows, from row `first` of the part on. Raises NotFinite."""
    labels = [
        piece
        for target in targets
        for piece in (f"{_json_string(target.name)}:", _labels(rows, target), ",")
    ]
    scores = [
        piece
        for target in targets
        for piece in (f"{_json_string(target.name)}:{{", *_scores(rows, target, part), "},")
    ]
    bodies = _joined(
        [
            ',"labels":{',
            *labels[:-1],
            '},"scores":{',
            *scores[:-1],
            '}},"agreement":',
            _numbers(rows["agreement"], part, "agreement"),
            ',"needs_review":',
            pc.cast(rows["needs_review"].combine_chunks(), pa.string()),
        ],
        len(rows),
    )
    scored_at = f"{job.submitted_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return _messages(
        job, part, rows["id"], first, bodies, f',"scored_at":"{scored_at}"}}', max_bytes
    )


def rejected_messages(
    job: Job, part: str, rows: pa.Table, first: int, max_bytes: int = MAX_DATA_BYTES
) -> list[OutgoingMessage]:
    """Return the messages of rejected rows (schema REJECTS), from row `first` of the part on."""
    bodies = [
        f',"rejected":{{"reason":{_json_string(reason)},"detail":{_json_string(detail)}}}'
        for reason, detail in zip(
            rows["reason"].to_pylist(), rows["detail"].to_pylist(), strict=True
        )
    ]
    return _messages(job, part, rows["id"], first, bodies, "}", max_bytes)


def _messages(
    job: Job,
    part: str,
    ids: pa.ChunkedArray,
    first: int,
    bodies: Iterable[str],
    end: str,
    max_bytes: int,
) -> list[OutgoingMessage]:
    """Return the messages: each has ids, its body and the versions that scored it.

    One with more than `max_bytes` has the place of its row instead of the body.
    """
    ids_of_job = f',"customer":{_json_string(job.customer)},"job":{_json_string(job.id)}'
    versions = f',"versions":{_versions(job)}'
    result_prefix = f"{job.id}/{part.partition('.')[0]}"
    messages = []
    for row, (id_, body) in enumerate(zip(ids.to_pylist(), bodies, strict=True), first):
        data = f'{{"id":{_json_string(id_)}{ids_of_job}{body}{versions}{end}'.encode()
        if len(data) > max_bytes:
            where = f',"part":{_json_string(job.output.url_of(part))},"row":{row}'
            data = f'{{"id":{_json_string(id_)}{ids_of_job}{where}{versions}}}'.encode()
        attributes = {"result": f"{result_prefix}/{row}", "customer": job.customer, "job": job.id}
        if len(id_.encode()) <= MAX_ATTRIBUTE_BYTES:
            attributes["id"] = id_
        messages.append(OutgoingMessage(data, attributes))
    return messages


def _labels(rows: pa.Table, target: Target) -> pa.Array:
    """Return each row's label, or its list of labels, as JSON."""
    encoded = {
        name: _json_string(name)
        for name in rows.schema.field(f"{target.name}_probabilities").type.names
    }
    chosen = rows[target.name].to_pylist()
    if target.mode == "one_of":
        return pa.array([encoded[label] for label in chosen], pa.string())
    return pa.array(
        [f"[{','.join([encoded[label] for label in labels])}]" for labels in chosen], pa.string()
    )


def _scores(rows: pa.Table, target: Target, part: str) -> list[Any]:
    """Return the pieces of each row's `"label":probability,"label":probability`."""
    column = f"{target.name}_probabilities"
    structs = rows[column].combine_chunks()
    pieces: list[Any] = []
    for label, values in zip(structs.type.names, structs.flatten(), strict=True):
        pieces += [f"{_json_string(label)}:", _numbers(values, part, column), ","]
    return pieces[:-1]


def _numbers(values: pa.Array | pa.ChunkedArray, part: str, column: str) -> pa.Array:
    """Return float32 values in as few digits as identify them. Raises NotFinite."""
    if not pc.all(pc.fill_null(pc.is_finite(values), False)).as_py() and len(values):
        raise NotFinite(part, column)
    written = pc.cast(values, pa.string())
    return written.combine_chunks() if isinstance(written, pa.ChunkedArray) else written


def _joined(pieces: Sequence[Any], rows: int) -> list[str]:
    """Join the pieces row by row; a piece that is a string is the same in every row."""
    if not rows:
        return []
    joined: list[str] = pc.binary_join_element_wise(*pieces, "").to_pylist()
    return joined


def _versions(job: Job) -> str:
    versions = {
        "ensemble": {"name": job.ensemble.name, "version": job.ensemble.version},
        "models": {model.name: model.version for model in job.models},
    }
    return json.dumps(versions, ensure_ascii=False, separators=(",", ":"))

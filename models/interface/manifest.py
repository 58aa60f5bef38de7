"""The manifest of a model version: `registry/models/<model>/<version>/manifest.json`."""

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from models.interface.precision import PrecisionCheck
from storage.names import digest
from storage.record import Record
from storage.records.decisions import Mode as Mode

# what happens to a text with more than max_tokens: it is cut, or read in parts
OverLength = Literal["truncate", "windows"]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# no path to another folder
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class ModelTarget(Record):
    """A question that the labels answer.

    One label is right (`sentiment`), or any number of them (`topics`).
    """

    name: str
    mode: Mode


class Artifact(Record):
    """One file of a version."""

    file: FileName
    bytes: int
    sha256: Sha256


class ModelCard(Record):
    """The origin and the quality of a version. Nothing here changes its scores."""

    data: str  # what it learned from, for people
    rows_trained: int | None = None
    rows_held_out: int | None = None
    # on the held-out rows, see models.publishing.metrics
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds: float | None = None  # that training took


class Measurements(Record):
    """The time and memory of a process with only this model, on one core, when it was published."""

    load_seconds: float  # from the artifacts on disk to the first answer, libraries included
    rows_per_second: float
    characters_per_second: float
    # read by the model, special tokens included; None for kinds that read no tokens
    tokens_per_second: float | None = None
    rows: int  # that were scored for these rates
    memory: int  # bytes at the most


class ModelSpec(Record):
    """The facts about the artifacts in a folder that is to be published."""

    kind: str  # one of models.kinds.table
    target: ModelTarget
    labels: Annotated[tuple[str, ...], Field(min_length=1)]  # the columns of the scores, in order
    max_tokens: int | None = None  # None for kinds that read a text to its end
    over_length: OverLength = "truncate"
    # those below float32 that were checked when it was published
    precisions: tuple[PrecisionCheck, ...] = ()
    # see models.publishing.trial; None: the trial took too long, or an old version had none
    measured: Measurements | None = None
    card: ModelCard


class ModelManifest(ModelSpec):
    """A published version."""

    name: str
    version: int
    artifacts: tuple[Artifact, ...]
    digest: Sha256  # see digest_of
    published_at: datetime


def digest_of(spec: ModelSpec, artifacts: tuple[Artifact, ...]) -> str:
    """Return the SHA-256 of all that decides the scores: equal digests mean equal scores.

    Artifacts count by name and content. Name, version, card, date and measurements do not count.
    """
    deciding: dict[str, object] = {
        "kind": spec.kind,
        "target": spec.target.model_dump(),
        "labels": spec.labels,
        "max_tokens": spec.max_tokens,
        "over_length": spec.over_length,
        "artifacts": sorted([artifact.file, artifact.sha256] for artifact in artifacts),
    }
    if spec.precisions:
        deciding["precisions"] = sorted(
            [check.precision, check.passed] for check in spec.precisions
        )
    return digest(json.dumps(deciding, sort_keys=True).encode())

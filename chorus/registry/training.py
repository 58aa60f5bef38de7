"""`chorus models train` and `chorus models publish`: from data or files to a published version."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chorus.common.process_setup import block_pandas, limit_native_threads
from models.interface.manifest import Mode, ModelManifest, OverLength
from models.interface.training_options import TrainingOptions
from models.publishing.publish import publish_from
from models.publishing.registry import ModelRegistry
from models.publishing.train_model import train
from models.publishing.training_file import read_labelled_texts, read_texts
from storage.names import check_name
from storage.places.place import Place


@dataclass(frozen=True)
class TrainingRequest:
    """The arguments of `chorus models train`, as they came."""

    name: str
    data: Path
    kind: str
    target: str
    mode: Mode
    text: str
    labels: str
    encoder: Path | None
    epochs: int
    over_length: OverLength


def train_and_publish(place: Place, request: TrainingRequest) -> ModelManifest:
    """Learn from a labelled file, measure on the rows held out, publish. Raises what
    models.publishing.train_model raises.
    """
    check_name("model", request.name)
    data = read_labelled_texts(request.data, request.text, request.labels, request.mode)
    recipe = TrainingOptions(
        encoder=request.encoder, epochs=request.epochs, over_length=request.over_length
    )
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        trained = train(
            request.kind,
            request.target,
            data,
            Path(folder),
            recipe,
            request.data.name,
            initializer=_begin,
        )
        return ModelRegistry(place).publish(
            request.name, Path(folder), trained.spec, datetime.now(UTC)
        )


def publish_existing_model(
    place: Place,
    name: str,
    source: Path,
    *,
    target: str,
    labels: str | None,
    max_tokens: int | None,
    over_length: OverLength,
    texts: Path | None,
    text: str,
) -> ModelManifest:
    """Publish a model that was made elsewhere; the arguments of `chorus models publish`, as they
    came.

    Raises BadLabelledFile, and what models.publishing.publish raises.
    """
    return publish_from(
        ModelRegistry(place),
        name,
        source,
        target,
        datetime.now(UTC),
        labels=tuple(label.strip() for label in labels.split(",")) if labels else None,
        max_tokens=max_tokens,
        over_length=over_length,
        texts=read_texts(texts, text) if texts else None,
        initializer=_begin,
    )


def _begin() -> None:
    """A process on trial is as light as a worker, and keeps to one core."""
    block_pandas()
    limit_native_threads(1)

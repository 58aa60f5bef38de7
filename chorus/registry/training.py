"""`chorus models train` and `chorus models publish`: publish a version from data or files."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chorus.common.process_setup import block_pandas, limit_native_threads
from models.interface.manifest import Mode, ModelManifest, ModelTarget, OverLength
from models.interface.training_options import TrainingOptions
from models.publishing.kept_answers import check_answers_kept
from models.publishing.publish import publish_from
from models.publishing.registry import ModelRegistry
from models.publishing.train_model import train
from models.publishing.training_file import read_labelled_texts, read_texts
from storage.names import check_name
from storage.places.place import Place


@dataclass(frozen=True)
class TrainingRequest:
    """Arguments of `chorus models train`, as given on the command line."""

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
    new_labels: bool = False  # it may answer otherwise than earlier versions


def train_and_publish(place: Place, request: TrainingRequest) -> ModelManifest:
    """Train on a labelled file, evaluate on held-out rows, and publish.

    Raises BadName, BadLabelledFile, OtherAnswers, and what models.publishing.train_model raises.
    """
    check_name("model", request.name)
    registry = ModelRegistry(place)
    data = read_labelled_texts(request.data, request.text, request.labels, request.mode)
    if not request.new_labels:
        target = ModelTarget(name=request.target, mode=request.mode)
        check_answers_kept(registry, request.name, target, data.labels)
    options = TrainingOptions(
        encoder=request.encoder, epochs=request.epochs, over_length=request.over_length
    )
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        trained = train(
            request.kind,
            request.target,
            data,
            Path(folder),
            options,
            request.data.name,
            initializer=_initialize_process,
        )
        return registry.publish(request.name, Path(folder), trained.spec, datetime.now(UTC))


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
    new_labels: bool = False,
) -> ModelManifest:
    """Publish a model that was made elsewhere, from the arguments of `chorus models publish`.

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
        initializer=_initialize_process,
        new_labels=new_labels,
    )


def _initialize_process() -> None:
    """Set up a child process like a worker's: without pandas, and on one core."""
    block_pandas()
    limit_native_threads(1)

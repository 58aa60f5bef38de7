"""`chorus models train` and `chorus models publish`: from data or files to a published version."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.labelled_file import read_labelled
from models.manifest import Mode, ModelManifest
from models.publish import publish_from
from models.recipe import Recipe
from models.registry import ModelRegistry
from models.train import train
from storage.names import check_name
from storage.place import Place


@dataclass(frozen=True)
class Lesson:
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


def train_and_publish(place: Place, lesson: Lesson) -> ModelManifest:
    """Learn from a labelled file, measure on the rows held out, publish. Raises what models.train raises."""
    check_name("model", lesson.name)
    data = read_labelled(lesson.data, lesson.text, lesson.labels, lesson.mode)
    recipe = Recipe(encoder=lesson.encoder, epochs=lesson.epochs)
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        trained = train(lesson.kind, lesson.target, data, Path(folder), recipe, lesson.data.name)
        return ModelRegistry(place).publish(lesson.name, Path(folder), trained.spec, datetime.now(UTC))


def publish(
    place: Place, name: str, source: Path, target: str, labels: tuple[str, ...] | None, max_tokens: int | None
) -> ModelManifest:
    """Publish a model that was made elsewhere. Raises what models.publish raises."""
    return publish_from(ModelRegistry(place), name, source, target, datetime.now(UTC), labels, max_tokens)

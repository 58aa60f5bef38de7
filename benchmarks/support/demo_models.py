"""The demo's models and texts, for benchmarks that need real ones."""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chorus.common.settings import from_environment
from ensemble.spec import Ensemble, EnsembleRegistry, Member, Mode, Target
from models.bow.sklearn_scorer import PIPELINE
from models.publishing.registry import ModelRegistry
from models.transformer.files import ENCODER_FILES
from storage.places.open_place import open_place
from storage.places.place import Place

sys.path.append(str(Path(__file__).parents[2] / "examples"))

from demo import DEMO_MODELS, build, tweets

ALL_MODELS = "everyone"  # the customer whose ensemble has all models


def root_with_models(root: Path, *models: str) -> Place:
    """Fill `root` with models of the demo, each alone in an ensemble of a customer of its name.

    One more customer, ALL_MODELS, has an ensemble of them all. The models are those below
    CHORUS_HOME, where the missing ones are trained first (a minute or two each, once).
    """
    source = from_environment().home
    build(source, tuple(demo_model for demo_model in DEMO_MODELS if demo_model.name in models))
    place = open_place(str(root))
    (root / "registry/models").mkdir(parents=True)
    customers = []
    targets: dict[tuple[str, Mode], list[Member]] = defaultdict(list)
    for model in models:
        (root / "registry/models" / model).symlink_to(Path(source, "registry/models", model))
        model_target = ModelRegistry(place).resolve(model).target
        target = Target(
            name=model_target.name, mode=model_target.mode, members=(Member(model=model),)
        )
        EnsembleRegistry(place).publish(model, Ensemble(targets=(target,)), datetime.now(UTC))
        customers.append(model)
        targets[model_target.name, model_target.mode].append(Member(model=model))
    combined = [
        Target(name=name, mode=mode, members=tuple(members))
        for (name, mode), members in targets.items()
    ]
    EnsembleRegistry(place).publish(
        ALL_MODELS, Ensemble(targets=tuple(combined)), datetime.now(UTC)
    )
    customers.append(ALL_MODELS)
    lines = [f'[customers.{customer}]\nensemble = "{customer}"\n' for customer in customers]
    place.create("customers.toml", "".join(lines).encode())
    return place


@contextmanager
def open_standard_folders(place: Place, *models: str) -> Iterator[list[Path]]:
    """Yield a folder for each model that other libraries can read.

    It holds an encoder without the published head, or a skops file.
    """
    registry = ModelRegistry(place)
    with ExitStack() as stack:
        folders = []
        for model in models:
            published = stack.enter_context(registry.verified(registry.resolve(model)))
            folders.append(
                Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chorus-bench-")))
            )
            for file in (*ENCODER_FILES, PIPELINE):
                if (published / file).is_file():
                    (folders[-1] / file).symlink_to(published / file)
        yield folders


def real_texts(rows: int) -> list[str]:
    """Return the first tweets of those that the sentiment models learned from."""
    return list(tweets().texts[:rows].to_pylist())

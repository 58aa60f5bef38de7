"""Published models without weights, and steps whose scores follow from the model version."""

import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from models.interface.manifest import ModelCard, ModelSpec, ModelTarget
from models.publishing.registry import ModelRegistry
from tests.support.runs.steps import MOOD, LengthModel, Steps

PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)


def publish_model(place, name, kind="bow", target="mood", labels=MOOD):
    """Publish the next version of a model without weights; return its number."""
    with tempfile.TemporaryDirectory() as folder:
        version = len(ModelRegistry(place).versions(name)) + 1
        Path(folder, "weights").write_text(f"{name} {version}")
        spec = ModelSpec(
            kind=kind,
            target=ModelTarget(name=target, mode="one_of"),
            labels=labels,
            card=ModelCard(data="none"),
        )
        return ModelRegistry(place).publish(name, Path(folder), spec, PUBLISHED).version


def publish_ensemble(place, weights, name="default"):
    """Publish the next version of an ensemble, of models by weight; return its number."""
    members = tuple(Member(model=model, weight=weight) for model, weight in weights.items())
    ensemble = Ensemble(targets=(Target(name="mood", mode="one_of", members=members),))
    return EnsembleRegistry(place).publish(name, ensemble, PUBLISHED)


class StepsWithRegistry(Steps):
    """Steps of a job with published models; `used` lists (model, version) of each scored cell."""

    def __init__(self, place, redis):
        super().__init__(place, redis)
        self.used = []

    @contextmanager
    def use(self, model, version):
        """Yield a model whose scores follow from its version (tasks.steps.score.WorkerModels)."""
        self.used.append((model, version))
        loaded = LengthModel(f"{model} {version}")
        loaded.digest = ModelRegistry(self.context.place).manifest(model, version).digest
        yield loaded

    isolated = use

"""The demo's models and texts, for benchmarks that need real ones."""

import sys
from pathlib import Path

from chorus.settings import from_environment
from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from models.registry import ModelRegistry
from storage.place import Place, place_at

sys.path.append(str(Path(__file__).parent.parent / "examples"))

from demo import PLANS, build, tweets


def home_with(root: Path, *models: str) -> Place:
    """Make `root` a home with these models of the demo, each alone in an ensemble for a customer of the same name.

    They are those below CHORUS_HOME, where the missing ones are trained first (a minute or two each, once).
    """
    source = from_environment().home
    build(source, tuple(plan for plan in PLANS if plan.name in models))
    place = place_at(str(root))
    (root / "registry/models").mkdir(parents=True)
    customers = []
    for model in models:
        (root / "registry/models" / model).symlink_to(Path(source, "registry/models", model))
        found = ModelRegistry(place).resolve(model).target
        target = Target(name=found.name, mode=found.mode, members=(Member(model=model),))
        EnsembleRegistry(place).publish(model, Ensemble(targets=(target,)))
        customers.append(f'[customers.{model}]\nensemble = "{model}"\n')
    place.create("customers.toml", "".join(customers).encode())
    return place


def real_texts(rows: int) -> list[str]:
    """The first of the tweets that the sentiment models learned from."""
    return list(tweets().texts[:rows].to_pylist())

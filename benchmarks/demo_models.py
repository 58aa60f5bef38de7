"""The demo's models, for benchmarks that need real ones: those below CHORUS_HOME, trained there first if need be."""

import sys
from pathlib import Path

from chorus.settings import from_environment

sys.path.append(str(Path(__file__).parent.parent / "examples"))

from demo import PLANS, build


def registry_with(*models: str) -> Path:
    """The folder `registry` of this CHORUS_HOME, with at least these models of the demo in it."""
    home = from_environment().home
    build(home, tuple(plan for plan in PLANS if plan.name in models))
    return Path(home, "registry")

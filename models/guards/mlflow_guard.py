"""Guards for a folder that MLflow saved: no code of its own, and no file outside of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.guards.code_guard import ContainsCode
from models.interface.import_result import NotAModel

MLMODEL = "MLmodel"


def refuse_code_paths(source: Path, flavor: Mapping[str, Any]) -> None:
    """Raise ContainsCode if Python code was saved with the model."""
    if flavor.get("code"):
        raise ContainsCode(
            source, f"it brings code ({flavor['code']})", "Save it without code_paths"
        )


def path_within(source: Path, name: object) -> Path:
    """Return the path that the MLmodel file names. Raises NotAModel if it leads out of `source`."""
    path = (source / str(name)).resolve()
    if not path.is_relative_to(source.resolve()):
        raise NotAModel(source, f"{MLMODEL} names {name}, which is not in the folder")
    return path

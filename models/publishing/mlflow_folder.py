"""The model in a folder that MLflow saved, without MLflow: its `MLmodel` file names the flavours.

MLmodel is YAML. Below `flavors` stand the settings of each way to load the model. The kind that has
one of these flavours says which files matter.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from models.guards.mlflow_guard import MLMODEL
from models.interface.import_result import NotAModel
from models.kinds.table import all_kinds


@contextmanager
def open_mlflow_folder(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield the kind of the model, and a folder with the files of that kind alone.

    The folder lasts as long as the block. Raises NotAModel, ContainsCode.
    """
    kind, files = _choose(source, _read_flavors(source))
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        together = Path(folder, source.name)
        together.mkdir()
        for file in files:
            (together / file.name).symlink_to(file)
        yield kind, together


def _choose(source: Path, flavors: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[Path]]:
    supported = []
    for name, kind in all_kinds().items():
        if kind.mlflow_flavor is None:
            continue
        if kind.mlflow_flavor in flavors:
            return name, kind.mlflow_files(source, flavors[kind.mlflow_flavor])
        supported.append(kind.mlflow_flavor)
    raise NotAModel(
        source,
        f"its flavours are {', '.join(sorted(flavors)) or 'none'}, "
        f"and {' or '.join(supported)} is needed",
    )


def _read_flavors(source: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        flavors = yaml.safe_load((source / MLMODEL).read_text("utf-8"))["flavors"]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
        flavors = None
    if not isinstance(flavors, dict) or not all(
        isinstance(flavor, dict) for flavor in flavors.values()
    ):
        raise NotAModel(source, f"{MLMODEL} is not YAML with the model's flavors")
    return flavors

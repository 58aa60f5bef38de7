"""The pipeline in a folder that MLflow saved with the flavour `sklearn`.

model.skops    the pipeline (`pickled_model`), if `serialization_format` is skops
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.guards.code_guard import ContainsCode
from models.guards.mlflow_guard import MLMODEL, path_within, refuse_code_paths
from models.interface.import_result import NotAModel


def pipeline_file(source: Path, flavor: Mapping[str, Any]) -> Path:
    """Return the .skops file that the flavour names. Raises NotAModel, ContainsCode."""
    refuse_code_paths(source, flavor)
    serialization = flavor.get("serialization_format")
    if serialization != "skops":
        raise ContainsCode(
            source,
            f"its pipeline is a pickle (serialization_format: {serialization})",
            "Load it where you trust it, and save it with "
            'mlflow.sklearn.save_model(…, serialization_format="skops")',
        )
    file = path_within(source, flavor.get("pickled_model", ""))
    if not file.is_file() or file.suffix != ".skops":
        raise NotAModel(source, f"{MLMODEL} names no .skops file that is there (pickled_model)")
    return file

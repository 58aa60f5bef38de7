"""The files of an encoder in a folder that MLflow saved with the flavour `transformers`.

model/                   config.json, model.safetensors (`model_binary`)
components/tokenizer/    tokenizer.json
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.guards.code_guard import SAVE_AS_SAFETENSORS, refuse_code, refuse_pickles
from models.guards.mlflow_guard import path_within, refuse_code_paths
from models.interface.import_result import NotAModel
from models.transformer.files import ENCODER_FILES, WEIGHTS

_TOKENIZER = "components/tokenizer"
_DEFAULT_MODEL = "pipeline"  # where MLflow before 2.4 saved the weights, without saying so
_TASKS = ("text-classification", "sentiment-analysis")


def encoder_files(source: Path, flavor: Mapping[str, Any]) -> list[Path]:
    """Return config.json, model.safetensors and tokenizer.json. Raises NotAModel, ContainsCode."""
    _check_flavor(source, flavor)
    weights = path_within(source, flavor.get("model_binary", _DEFAULT_MODEL))
    tokenizer = source / _TOKENIZER
    if not weights.is_dir():
        raise NotAModel(
            source, "its weights are elsewhere. Save it again, without save_pretrained=False"
        )
    for folder in (weights, tokenizer):
        refuse_code(folder)
    if not (weights / WEIGHTS).is_file():
        refuse_pickles(weights, SAVE_AS_SAFETENSORS)
    files = {
        file.name: file.resolve()
        for folder in (weights, tokenizer)
        for file in folder.glob("*")
        if file.name in ENCODER_FILES
    }
    missing = [name for name in ENCODER_FILES if name not in files]
    if missing:
        raise NotAModel(
            source, f"there is no {', '.join(missing)} in {weights.name} and {_TOKENIZER}"
        )
    return list(files.values())


def _check_flavor(source: Path, flavor: Mapping[str, Any]) -> None:
    refuse_code_paths(source, flavor)
    if flavor.get("task") not in _TASKS:
        raise NotAModel(source, f"its task is {flavor.get('task')}, and {_TASKS[0]} is needed")
    if "peft_adaptor" in flavor:
        raise NotAModel(
            source,
            "its weights are those of an adapter. "
            "Save the whole model, from model.merge_and_unload()",
        )

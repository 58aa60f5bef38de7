"""The model in a folder that MLflow saved, without MLflow: its `MLmodel` says which files matter.

MLmodel                           YAML; below `flavors` the settings of each way to load the model
model/                            transformers: config.json, model.safetensors (`model_binary`)
components/tokenizer/             transformers: tokenizer.json
model.skops                       sklearn: the pipeline (`pickled_model`), if `serialization_format` is skops
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from models.guards.code_guard import AS_SAFETENSORS, BringsCode, refuse_code, refuse_pickles
from models.interface.import_result import NotAModel
from models.transformer.files import ENCODER, WEIGHTS

_MLMODEL = "MLmodel"
_TOKENIZER = "components/tokenizer"
_OLD_MODEL = "pipeline"  # where the weights lie if nothing else is said: MLflow before 2.4
_TASKS = ("text-classification", "sentiment-analysis")


@contextmanager
def plain(source: Path) -> Iterator[Path]:
    """A folder with the model's files alone, as long as the block lasts; `source` itself if MLflow
    did not save it.

    Raises NotAModel, BringsCode.
    """
    if not (source / _MLMODEL).is_file():
        yield source
        return
    flavors = _flavors(source)
    if "transformers" in flavors:
        files = _transformer(source, flavors["transformers"])
    elif "sklearn" in flavors:
        files = _pipeline(source, flavors["sklearn"])
    else:
        found = ", ".join(sorted(flavors)) or "none"
        raise NotAModel(source, f"its flavours are {found}, and transformers or sklearn is needed")
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        together = Path(folder, source.name)
        together.mkdir()
        for file in files:
            (together / file.name).symlink_to(file)
        yield together


def _flavors(source: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        flavors = yaml.safe_load((source / _MLMODEL).read_text("utf-8"))["flavors"]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
        flavors = None
    if not isinstance(flavors, dict) or not all(
        isinstance(flavor, dict) for flavor in flavors.values()
    ):
        raise NotAModel(source, f"{_MLMODEL} is not YAML with the model's flavors")
    return flavors


def _transformer(source: Path, flavor: Mapping[str, Any]) -> list[Path]:
    _refuse_own_code(source, flavor)
    if flavor.get("task") not in _TASKS:
        raise NotAModel(source, f"its task is {flavor.get('task')}, and {_TASKS[0]} is needed")
    if "peft_adaptor" in flavor:
        raise NotAModel(
            source,
            "its weights are those of an adapter. Save the whole model, from model.merge_and_unload()",
        )
    weights, tokenizer = (
        _within(source, flavor.get("model_binary", _OLD_MODEL)),
        source / _TOKENIZER,
    )
    if not weights.is_dir():
        raise NotAModel(
            source, "its weights are elsewhere. Save it anew, without save_pretrained=False"
        )
    for folder in (weights, tokenizer):
        refuse_code(folder)
    if not (weights / WEIGHTS).is_file():
        refuse_pickles(weights, AS_SAFETENSORS)
    found = {
        file.name: file
        for folder in (weights, tokenizer)
        for file in folder.glob("*")
        if file.name in ENCODER
    }
    missing = [file for file in ENCODER if file not in found]
    if missing:
        raise NotAModel(
            source, f"there is no {', '.join(missing)} in {weights.name} and {_TOKENIZER}"
        )
    return [file.resolve() for file in found.values()]


def _pipeline(source: Path, flavor: Mapping[str, Any]) -> list[Path]:
    _refuse_own_code(source, flavor)
    kept = flavor.get("serialization_format")
    if kept != "skops":
        raise BringsCode(
            source,
            f"its pipeline is a pickle (serialization_format: {kept})",
            'Load it where you trust it, and save it with mlflow.sklearn.save_model(…, serialization_format="skops")',
        )
    file = _within(source, flavor.get("pickled_model", ""))
    if not file.is_file() or file.suffix != ".skops":
        raise NotAModel(source, f"{_MLMODEL} names no .skops file that is there (pickled_model)")
    return [file]


def _refuse_own_code(source: Path, flavor: Mapping[str, Any]) -> None:
    if flavor.get("code"):
        raise BringsCode(source, f"it brings code ({flavor['code']})", "Save it without code_paths")


def _within(source: Path, name: object) -> Path:
    path = (source / str(name)).resolve()
    if not path.is_relative_to(source.resolve()):
        raise NotAModel(source, f"{_MLMODEL} names {name}, which is not in the folder")
    return path

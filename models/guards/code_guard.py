"""Refusal of models that would run code of their own when they are loaded.

A pickle is a program that builds an object, and can do anything else on the way. `auto_map` and
`custom_pipelines` in a config name Python files that transformers would load from beside it, or
from the internet.
"""

import json
from pathlib import Path

from models.interface.import_result import NotAModel

SAVE_AS_SAFETENSORS = "save it with model.save_pretrained(FOLDER), which writes safetensors"
SAVE_AS_SKOPS = 'save it with skops.io.dump(pipeline, "pipeline.skops")'
_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt")
_TORCH_PICKLE = "pytorch_model*.bin"
_CONFIGS = ("config.json", "tokenizer_config.json")
_CODE_KEYS = ("auto_map", "custom_pipelines")


class ContainsCode(NotAModel):
    """A model that would run code of its own when it is loaded."""

    def __init__(self, source: Path, reason: str, instead: str) -> None:
        self.reason, self.instead = reason, instead
        super().__init__(source, f"{reason}, and no code that comes with a model is run. {instead}")


def refuse_code(folder: Path) -> None:
    """Raise ContainsCode if a folder of Hugging Face's layout has or names Python code."""
    python = sorted(file.name for file in folder.glob("*.py"))
    if python:
        raise ContainsCode(
            folder,
            f"it brings Python files ({', '.join(python)})",
            "Remove them, if the model does without",
        )
    for config in _CONFIGS:
        for key in _CODE_KEYS:
            if _has_key(folder / config, key):
                raise ContainsCode(
                    folder,
                    f"{config} names code of its own ({key})",
                    "Publish a model whose architecture and tokenizer are part of transformers, "
                    "and save it from there",
                )


def refuse_pickles(source: Path, instead: str) -> None:
    """Raise ContainsCode if there are pickles, for a model without any other weights."""
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    pickles = [file.name for file in files if file.suffix in _PICKLES or file.match(_TORCH_PICKLE)]
    if pickles:
        raise ContainsCode(
            source,
            f"it is kept as a pickle ({', '.join(pickles)})",
            f"Load it where you trust it, and {instead}",
        )


def _has_key(config: Path, key: str) -> bool:
    try:
        return bool(json.loads(config.read_bytes()).get(key))
    except FileNotFoundError:
        return False
    except (ValueError, AttributeError):
        raise NotAModel(config.parent, f"{config.name} is not a JSON object") from None

"""The files of a transformer: their names, and what training, publishing and scoring all read."""

import json
from pathlib import Path
from typing import Any

from models.guards.code_guard import SAVE_AS_SAFETENSORS, refuse_code, refuse_pickles
from models.interface.import_result import NotAModel

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
# of the mean head, see models.transformer.networks; missing if the head is the standard one
HEAD = "head.safetensors"
# made when the model is published; its weights are in openvino_model.bin
NETWORK = "openvino_model.xml"
INT8_NETWORK = "openvino_int8.xml"  # the same, quantised; only if it passed its check
ENCODER_FILES = (CONFIG, WEIGHTS, TOKENIZER)


def check_encoder_files(folder: Path) -> None:
    """Refuse a folder that lacks a file of an encoder, or has code.

    Raises NotAModel, ContainsCode.
    """
    refuse_code(folder)
    if not (folder / WEIGHTS).is_file():
        refuse_pickles(folder, SAVE_AS_SAFETENSORS)
    missing = [file for file in ENCODER_FILES if not (folder / file).is_file()]
    if missing:
        raise NotAModel(folder, f"it has no {', '.join(missing)}")


def open_tokenizer(folder: Path, max_tokens: int | None) -> Any:
    """Open the tokenizer of a folder, as a tokenizers.Tokenizer that does not pad.

    It cuts at `max_tokens`, special tokens included; None: it does not cut.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation() if max_tokens is None else tokenizer.enable_truncation(max_tokens)
    return tokenizer


def pad_token(folder: Path) -> int:
    """Return the id of the pad token, which stands where there is no token."""
    return int(json.loads((folder / CONFIG).read_bytes()).get("pad_token_id") or 0)

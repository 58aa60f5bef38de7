"""The files of a transformer, and what training, publishing and scoring all read from them."""

import json
from pathlib import Path
from typing import Any

from models.guards.code_guard import SAVE_AS_SAFETENSORS, refuse_code, refuse_pickles
from models.interface.import_result import NotAModel

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
# see models.transformer.networks; not there if the head is the standard one
HEAD = "head.safetensors"
# made when it is published; its weights lie beside it, in openvino_model.bin
NETWORK = "openvino_model.xml"
INT8_NETWORK = "openvino_int8.xml"  # the same, quantised; there if it passed its check
ENCODER_FILES = (CONFIG, WEIGHTS, TOKENIZER)


def check_encoder_files(folder: Path) -> None:
    """Raises NotAModel unless the three files of an encoder are there, and ContainsCode if code comes
    with them.
    """
    refuse_code(folder)
    if not (folder / WEIGHTS).is_file():
        refuse_pickles(folder, SAVE_AS_SAFETENSORS)
    missing = [file for file in ENCODER_FILES if not (folder / file).is_file()]
    if missing:
        raise NotAModel(folder, f"it has no {', '.join(missing)}")


def open_tokenizer(folder: Path, max_tokens: int | None) -> Any:
    """The tokenizer of a model's folder; it cuts at `max_tokens`, special tokens included, and does
    not pad.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation() if max_tokens is None else tokenizer.enable_truncation(max_tokens)
    return tokenizer


def pad_token(folder: Path) -> int:
    """The id that stands where there is no token."""
    return int(json.loads((folder / CONFIG).read_bytes()).get("pad_token_id") or 0)

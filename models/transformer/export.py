"""Makes a Hugging Face style folder ready to be published: the OpenVINO network is made here, once,
with torch.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.guards.extras import require_extra
from models.guards.telemetry import disable_telemetry
from models.interface.import_result import ImportResult, NotAModel
from models.transformer.files import (
    CONFIG,
    ENCODER_FILES,
    HEAD,
    NETWORK,
    check_encoder_files,
    pad_token,
)

if TYPE_CHECKING:
    from models.transformer.networks import MeanHead, StandardHead  # imports torch

_TOLERANCE = 1e-3
_MAX_TOKENS = 256


def export_model(source: Path, folder: Path, max_tokens: int | None) -> ImportResult:
    """Copy config.json, model.safetensors and tokenizer.json, and add the network that OpenVINO
    runs.

    The head is the standard one of AutoModelForSequenceClassification, or that of
    models.transformer.networks if its file is there. `max_tokens` is 256 by default, and never more
    than the encoder has positions for. No code that comes with a model is run. Raises NotAModel,
    MissingPackage.
    """
    check_encoder_files(source)
    config = json.loads((source / CONFIG).read_bytes())
    for file in (*ENCODER_FILES, HEAD):
        if (source / file).is_file():
            shutil.copyfile(source / file, folder / file)
    with require_extra("train", "Publishing a transformer"), silence_libraries():
        from models.transformer.networks import load_network

        outputs = _export(load_network(source), folder)
    names = {int(column): str(label) for column, label in config.get("id2label", {}).items()}
    several = config.get("problem_type") == "multi_label_classification"
    return ImportResult(
        mode="any_of" if several else "one_of",
        labels=tuple(names[column] for column in sorted(names)) or None,
        max_tokens=token_limit(config, max_tokens),
        outputs=outputs,
    )


def token_limit(config: Mapping[str, Any], wanted: int | None) -> int:
    """The most tokens a text may have: what is wanted, 256 by default, as far as the encoder has
    positions.
    """
    positions = int(config.get("max_position_embeddings", _MAX_TOKENS))
    # it and its kin count from behind the pad token's id
    if "roberta" in config.get("model_type", ""):
        positions -= int(config["pad_token_id"]) + 1
    return min(wanted or _MAX_TOKENS, positions)


def _export(model: "MeanHead | StandardHead", folder: Path) -> int:
    """Trace the model, check that OpenVINO answers as torch does, and save it with float32 weights;
    its outputs.
    """
    import openvino
    import torch

    disable_telemetry()
    pad = pad_token(folder)
    with torch.no_grad():
        network = openvino.convert_model(model, example_input=_probe(2, 16, pad))
        compiled = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for rows, width in ((3, 24), (1, 8)):  # other shapes than the traced one
            probe = _probe(rows, width, pad)
            answer = compiled(probe)[0]
            difference = np.abs(answer - model(**probe).numpy()).max()
            if not difference < _TOLERANCE:
                raise NotAModel(
                    folder,
                    f"OpenVINO answers {difference:.2g} beside torch, and may by {_TOLERANCE:g}",
                )
    openvino.save_model(network, folder / NETWORK, compress_to_fp16=False)
    return int(answer.shape[1])


def _probe(rows: int, width: int, pad: int) -> dict[str, Any]:
    """Some token ids, the last of each row padded, so that the trace sees a mask that masks."""
    import torch

    ids = torch.arange(rows * width).reshape(rows, width) % 5 + pad + 1
    mask = torch.ones_like(ids)
    mask[:, -2:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Without the remarks of torch and transformers on their own workings, which tell a user
    nothing.
    """
    from transformers.utils import logging as remarks

    remarks.disable_progress_bar()  # type: ignore[no-untyped-call]
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

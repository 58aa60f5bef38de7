"""Preparation of a Hugging Face folder for publishing: torch makes the network OpenVINO runs."""

import json
import shutil
from collections.abc import Mapping
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
from models.transformer.silence import silence_libraries

if TYPE_CHECKING:
    from models.transformer.networks import MeanHead, StandardHead  # imports torch

_TOLERANCE = 1e-3  # of a logit, between torch and OpenVINO
_MAX_TOKENS = 256


def export_model(source: Path, folder: Path, max_tokens: int | None) -> ImportResult:
    """Copy the files of an encoder to `folder`, and add the network that OpenVINO runs.

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
    labels = {int(column): str(label) for column, label in config.get("id2label", {}).items()}
    any_of = config.get("problem_type") == "multi_label_classification"
    return ImportResult(
        mode="any_of" if any_of else "one_of",
        labels=tuple(labels[column] for column in sorted(labels)) or None,
        max_tokens=token_limit(config, max_tokens),
        outputs=outputs,
    )


def token_limit(config: Mapping[str, Any], requested: int | None) -> int:
    """Return the most tokens a text may have: as requested, 256 by default.

    It is never more than the encoder has positions for.
    """
    positions = int(config.get("max_position_embeddings", _MAX_TOKENS))
    # RoBERTa and its relatives count positions from behind the id of the pad token
    if "roberta" in config.get("model_type", ""):
        positions -= int(config["pad_token_id"]) + 1
    return min(requested or _MAX_TOKENS, positions)


def _export(model: "MeanHead | StandardHead", folder: Path) -> int:
    """Trace the model, compare OpenVINO with torch, and save the network with float32 weights.

    Returns how many values the network gives for a text.
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
            logits = compiled(probe)[0]
            difference = np.abs(logits - model(**probe).numpy()).max()
            if not difference < _TOLERANCE:
                raise NotAModel(
                    folder,
                    f"its logits differ by {difference:.2g} between OpenVINO and torch, "
                    f"and may by {_TOLERANCE:g}",
                )
    openvino.save_model(network, folder / NETWORK, compress_to_fp16=False)
    return int(logits.shape[1])


def _probe(rows: int, width: int, pad: int) -> dict[str, Any]:
    """Return some token ids with padding at the end of each row, so that the mask is traced."""
    import torch

    ids = torch.arange(rows * width).reshape(rows, width) % 5 + pad + 1
    mask = torch.ones_like(ids)
    mask[:, -2:] = 0
    return {"input_ids": ids, "attention_mask": mask}

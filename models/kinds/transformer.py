"""The kind `transformer`: an encoder with a classification head, on the CPU or on a GPU."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from models.gpu.torch_scorer import TorchScorer
from models.guards.code_guard import SAVE_AS_SAFETENSORS
from models.interface.compute import Compute
from models.interface.device import CPU
from models.interface.import_result import ImportResult
from models.interface.kind import Kind
from models.interface.manifest import ModelSpec
from models.interface.precision import PrecisionCheck
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts
from models.transformer import quantize, train
from models.transformer.export import export_model
from models.transformer.files import CONFIG
from models.transformer.mlflow import encoder_files
from models.transformer.openvino_scorer import TransformerScorer
from models.transformer.tokens import ModelTokenizer


class TransformerKind(Kind):
    """An encoder in the files of Hugging Face, with the network that OpenVINO runs."""

    summary = "A fine-tuned encoder with a classification head. Training needs chorus[train]."
    recognised_by = CONFIG
    mlflow_flavor = "transformers"
    instead_of_pickle = SAVE_AS_SAFETENSORS
    reads_tokens = True
    uses_gpu = True

    def open_scorer(
        self, spec: ModelSpec, folder: Path, compute: Compute
    ) -> TransformerScorer | TorchScorer:
        if compute.device == CPU:
            return TransformerScorer(spec, folder, compute)
        return TorchScorer(spec, folder, compute)

    def fit(self, data: LabelledTexts, folder: Path, options: TrainingOptions) -> None:
        train.fit(data, folder, options)

    def recognises(self, source: Path) -> bool:
        return (source / CONFIG).is_file()

    def import_files(self, source: Path, folder: Path, max_tokens: int | None) -> ImportResult:
        return export_model(source, folder, max_tokens)

    def mlflow_files(self, source: Path, flavor: Mapping[str, Any]) -> list[Path]:
        return encoder_files(source, flavor)

    def check_precisions(
        self, spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
    ) -> tuple[PrecisionCheck, ...]:
        return quantize.check_precisions(spec, folder, learned, held_out)

    def count_tokens(self, spec: ModelSpec, folder: Path, texts: pa.StringArray) -> int:
        return ModelTokenizer(spec, folder).tokenize(texts).count()

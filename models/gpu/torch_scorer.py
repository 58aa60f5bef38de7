"""The kind `transformer` on a GPU: torch in bfloat16, without padding. On the CPU see
models.transformer.openvino_scorer.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from models.gpu.batch_limit import BatchLimit
from models.guards.extras import require_extra
from models.interface.compute import Compute
from models.interface.manifest import ModelManifest, ModelSpec
from models.interface.precision import Precision, choose_precision
from models.transformer.files import pad_token
from models.transformer.openvino_scorer import to_probabilities
from models.transformer.tokens import ModelTokenizer, TokenizedTexts
from storage.records.scores import Float32

if TYPE_CHECKING:
    from models.gpu.engine import PackedTexts, PendingLogits  # imports torch


@dataclass(frozen=True)
class PreparedChunk:
    """A chunk that is ready for the device."""

    tokens: TokenizedTexts
    packed: "PackedTexts"


@dataclass(frozen=True)
class QueuedChunk:
    """A chunk in the queue of the device."""

    tokens: TokenizedTexts
    pending: "PendingLogits"


class TorchScorer:
    """A `Scorer` (see models.interface.scorer): infer puts a chunk into the device's queue, finish
    waits for the answers.
    """

    def __init__(self, spec: ModelSpec, folder: Path, compute: Compute) -> None:
        self._spec, self._folder, self._compute = spec, folder, compute
        self._reader: Any = None
        self._engine: Any = None
        self._turn = Lock()  # the device takes one chunk after the other

    def load(self) -> None:
        """Reads the tokenizer and the network, and tries to pack it. Raises MissingPackage."""
        with require_extra("gpu", "Scoring on a GPU"):
            import torch

            from models.gpu.engine import BUDGET, TorchEngine
            from models.gpu.network import open_network
            from models.transformer.networks import load_network

        if self._compute.threads is not None:
            torch.set_num_threads(self._compute.threads)
        device = torch.device(self._compute.device)
        cuda = device.type == "cuda"
        precision = _precision(
            self._spec,
            self._compute,
            cuda and torch.cuda.is_bf16_supported(including_emulation=False),
        )
        pad = pad_token(self._folder)
        network = open_network(load_network(self._folder), device, getattr(torch, precision), pad)
        name = torch.cuda.get_device_name(device) if cuda else "cpu"
        digest = self._spec.digest if isinstance(self._spec, ModelManifest) else None
        ceiling = BatchLimit(BUDGET, name, digest, self._compute.cache)
        self._reader = ModelTokenizer(self._spec, self._folder)
        self._engine = TorchEngine(network, device, len(self._spec.labels), pad, ceiling)

    def prepare(self, texts: pa.StringArray) -> PreparedChunk:
        """Tokens, end to end."""
        tokens = self._reader.tokenize(texts)
        return PreparedChunk(tokens, self._engine.pack(tokens.ids, tokens.lengths))

    def infer(self, prepared: PreparedChunk) -> QueuedChunk:
        """Returns before the device has computed. Raises TextTooLarge."""
        with self._turn:
            return QueuedChunk(prepared.tokens, self._engine.enqueue(prepared.packed))

    def finish(self, raw: QueuedChunk) -> Float32:
        """Waits for the logits; these to probabilities, and every row its text's."""
        return raw.tokens.average_windows(
            to_probabilities(self._engine.wait(raw.pending), self._spec.target.mode)
        )

    def unload(self) -> None:
        """The scorer can be loaded again."""
        self._reader = self._engine = None


def _precision(spec: ModelSpec, compute: Compute, has_bfloat16: bool) -> Precision:
    """int8 is for processors."""
    checks = [check for check in spec.precisions if check.precision != "int8"]
    return choose_precision(compute.precision, has_bfloat16, checks)

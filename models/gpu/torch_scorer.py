"""The scorer of the kind `transformer` on a GPU: torch in bfloat16, without padding.

The scorer on the CPU is models.transformer.openvino_scorer.
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
    """A `Scorer` (see models.interface.scorer).

    infer puts a chunk into the device's queue, finish waits for the logits.
    """

    def __init__(self, spec: ModelSpec, folder: Path, compute: Compute) -> None:
        self._spec, self._folder, self._compute = spec, folder, compute
        self._tokenizer: Any = None
        self._engine: Any = None
        self._queue_lock = Lock()  # chunks enter the device's queue one at a time

    def load(self) -> None:
        """Read the tokenizer and the network, and pack it if possible. Raises MissingPackage."""
        with require_extra("gpu", "Scoring on a GPU"):
            import torch

            from models.gpu.engine import BATCH_TOKENS, TorchEngine
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
        limit = BatchLimit(BATCH_TOKENS, name, digest, self._compute.cache)
        self._tokenizer = ModelTokenizer(self._spec, self._folder)
        self._engine = TorchEngine(network, device, len(self._spec.labels), pad, limit)

    def prepare(self, texts: pa.StringArray) -> PreparedChunk:
        """Tokenize the texts and put them end to end."""
        tokens = self._tokenizer.tokenize(texts)
        return PreparedChunk(tokens, self._engine.pack(tokens.ids, tokens.lengths))

    def infer(self, prepared: PreparedChunk) -> QueuedChunk:
        """Put the chunk into the queue, and return before it is computed. Raises TextTooLarge."""
        with self._queue_lock:
            return QueuedChunk(prepared.tokens, self._engine.enqueue(prepared.packed))

    def finish(self, raw: QueuedChunk) -> Float32:
        """Wait for the logits; turn them into probabilities, and windows into rows."""
        return raw.tokens.average_windows(
            to_probabilities(self._engine.wait(raw.pending), self._spec.target.mode)
        )

    def unload(self) -> None:
        """Release the network and the tokenizer. The scorer can be loaded again."""
        self._tokenizer = self._engine = None


def _precision(spec: ModelSpec, compute: Compute, has_bfloat16: bool) -> Precision:
    """Choose without int8, which only processors compute in."""
    checks = [check for check in spec.precisions if check.precision != "int8"]
    return choose_precision(compute.precision, has_bfloat16, checks)

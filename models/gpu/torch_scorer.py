"""The kind `transformer` on a GPU: torch in bfloat16, without padding. On the CPU see
models.transformer.openvino_scorer.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from models.gpu.batch_limit import Ceiling
from models.guards.extras import needs
from models.interface.compute import Compute
from models.interface.manifest import ModelManifest, ModelSpec
from models.interface.precision import Precision, choose
from models.transformer.files import pad_token
from models.transformer.openvino_scorer import probabilities
from models.transformer.tokens import TextReader, Tokens
from storage.records.scores import Float32

if TYPE_CHECKING:
    from models.gpu.engine import Laid, Pending  # imports torch


@dataclass(frozen=True)
class Prepared:
    """A chunk that is ready for the device."""

    tokens: Tokens
    laid: "Laid"


@dataclass(frozen=True)
class Computing:
    """A chunk in the queue of the device."""

    tokens: Tokens
    pending: "Pending"


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
        with needs("gpu", "Scoring on a GPU"):
            import torch

            from models.gpu.engine import BUDGET, TorchEngine
            from models.gpu.network import open_network
            from models.transformer.networks import load

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
        network = open_network(load(self._folder), device, getattr(torch, precision), pad)
        name = torch.cuda.get_device_name(device) if cuda else "cpu"
        digest = self._spec.digest if isinstance(self._spec, ModelManifest) else None
        ceiling = Ceiling(BUDGET, name, digest, self._compute.cache)
        self._reader = TextReader(self._spec, self._folder)
        self._engine = TorchEngine(network, device, len(self._spec.labels), pad, ceiling)

    def prepare(self, texts: pa.StringArray) -> Prepared:
        """Tokens, end to end."""
        tokens = self._reader.read(texts)
        return Prepared(tokens, self._engine.lay(tokens.ids, tokens.lengths))

    def infer(self, prepared: Prepared) -> Computing:
        """Returns before the device has computed. Raises TextTooLarge."""
        with self._turn:
            return Computing(prepared.tokens, self._engine.start(prepared.laid))

    def finish(self, raw: Computing) -> Float32:
        """Waits for the logits; these to probabilities, and every row its text's."""
        return raw.tokens.answers(
            probabilities(self._engine.values(raw.pending), self._spec.target.mode)
        )

    def unload(self) -> None:
        """The scorer can be loaded again."""
        self._reader = self._engine = None


def _precision(spec: ModelSpec, compute: Compute, has_bfloat16: bool) -> Precision:
    """int8 is for processors."""
    checks = [check for check in spec.precisions if check.precision != "int8"]
    return choose(compute.precision, has_bfloat16, checks)

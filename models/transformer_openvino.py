"""The kind `transformer`: an encoder with a classification head, scored by OpenVINO on the CPU.

Needs openvino and tokenizers, nothing of torch or transformers. Float32 throughout.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.batches import Batch, Int64, batches, padded
from models.manifest import Mode, ModelSpec
from models.tokens import TextReader, Tokens
from models.transformer_files import NETWORK, pad_token
from storage.scores import Float32

_BUDGET = 1024  # tokens a batch, padding included; 4,096 were a quarter slower, 512 no faster (MiniLM-L6, tweets)
_STEP = 8


@dataclass(frozen=True)
class Batched:
    """A chunk that is ready for the network."""

    tokens: Tokens
    batches: list[tuple[Batch, Int64, Int64]]  # with token ids and mask, each [batch, width]


@dataclass(frozen=True)
class Logits:
    """What the network says."""

    tokens: Tokens
    values: Float32  # [windows, labels]


class TransformerScorer:
    """A `Scorer` (see models.scorer): texts → token batches → logits → probabilities."""

    def __init__(self, spec: ModelSpec, folder: Path, threads: int | None, cache: Path | None) -> None:
        self._spec, self._folder, self._threads, self._cache = spec, folder, threads, cache
        self._reader: Any = None
        self._network: Any = None
        self._pad = 0

    def load(self) -> None:
        """Reads the tokenizer and compiles the network, or takes it from `cache` if it was compiled before."""
        import openvino

        self._pad = pad_token(self._folder)
        self._reader = TextReader(self._spec, self._folder)
        settings: dict[str, str] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": "NO",  # or else the one-thread workers of two models share the first core
        }
        if self._threads is not None:
            settings["INFERENCE_NUM_THREADS"] = str(self._threads)
        if self._cache is not None:
            settings["CACHE_DIR"] = str(self._cache)
        self._network = openvino.Core().compile_model(str(self._folder / NETWORK), "CPU", settings)

    def prepare(self, texts: pa.StringArray) -> Batched:
        """Tokens, in batches of like lengths."""
        tokens = self._reader.read(texts)
        made = batches(tokens.lengths, _BUDGET, _STEP)
        return Batched(tokens, [(batch, *padded(tokens.ids, batch, self._pad)) for batch in made])

    def infer(self, prepared: Batched) -> Logits:
        """One batch after the other."""
        values = np.empty((len(prepared.tokens.ids), len(self._spec.labels)), dtype=np.float32)
        for batch, ids, mask in prepared.batches:
            values[batch.rows] = self._network({"input_ids": ids, "attention_mask": mask})[0]
        return Logits(prepared.tokens, values)

    def finish(self, raw: Logits) -> Float32:
        """Logits to probabilities, and every row its text's."""
        return raw.tokens.answers(probabilities(raw.values, self._spec.target.mode))

    def unload(self) -> None:
        """The scorer can be loaded again."""
        self._network = self._reader = None


def probabilities(logits: Float32, mode: Mode) -> Float32:
    """Softmax over the labels for one-of, sigmoid of each for any-of: float32 [rows, labels] → the same."""
    if mode == "any_of":
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float32)  # the sigmoid, without overflow
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def open_scorer(spec: ModelSpec, folder: Path, threads: int | None, cache: Path | None) -> TransformerScorer:
    """A scorer that still has to be loaded."""
    return TransformerScorer(spec, folder, threads, cache)

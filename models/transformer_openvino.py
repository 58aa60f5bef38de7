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
from models.transformer_files import NETWORK, open_tokenizer, pad_token
from storage.scores import Float32

_BUDGET = 1024  # tokens a batch, padding included; 4,096 were a quarter slower, 512 no faster (MiniLM-L6, tweets)
_STEP = 8


@dataclass(frozen=True)
class Tokens:
    """The distinct texts of a chunk, in batches."""

    rows: Int64  # [rows] which of the distinct texts each row holds
    distinct: int
    batches: list[tuple[Batch, Int64, Int64]]  # with token ids and mask, each [batch, width]


@dataclass(frozen=True)
class Logits:
    """What the network says of each distinct text."""

    rows: Int64  # [rows] which line of `values` each row takes
    values: Float32  # [distinct, labels]


class TransformerScorer:
    """A `Scorer` (see models.scorer): texts → token batches → logits → probabilities."""

    def __init__(self, spec: ModelSpec, folder: Path, threads: int | None, cache: Path | None) -> None:
        self._spec, self._folder, self._threads, self._cache = spec, folder, threads, cache
        self._tokenizer: Any = None
        self._network: Any = None
        self._pad = 0

    def load(self) -> None:
        """Reads the tokenizer and compiles the network, or takes it from `cache` if it was compiled before."""
        import openvino

        self._pad = pad_token(self._folder)
        self._tokenizer = open_tokenizer(self._folder, self._spec.max_tokens)
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

    def prepare(self, texts: pa.StringArray) -> Tokens:
        """Each distinct text is tokenised, and later scored, once."""
        encoded = texts.dictionary_encode()
        found = self._tokenizer.encode_batch_fast(encoded.dictionary.to_pylist())
        tokens = [encoding.ids for encoding in found]
        lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        made = [(batch, *padded(tokens, batch, self._pad)) for batch in batches(lengths, _BUDGET, _STEP)]
        return Tokens(encoded.indices.to_numpy().astype(np.int64), len(tokens), made)

    def infer(self, prepared: Tokens) -> Logits:
        """One batch after the other."""
        values = np.empty((prepared.distinct, len(self._spec.labels)), dtype=np.float32)
        for batch, ids, mask in prepared.batches:
            values[batch.rows] = self._network({"input_ids": ids, "attention_mask": mask})[0]
        return Logits(prepared.rows, values)

    def finish(self, raw: Logits) -> Float32:
        """Logits to probabilities, and every row its text's."""
        return probabilities(raw.values, self._spec.target.mode)[raw.rows]

    def unload(self) -> None:
        """The scorer can be loaded again."""
        self._network = self._tokenizer = None


def probabilities(logits: Float32, mode: Mode) -> Float32:
    """Softmax over the labels for one-of, sigmoid of each for any-of: float32 [rows, labels] → the same."""
    if mode == "any_of":
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float32)  # the sigmoid, without overflow
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)


def open_scorer(spec: ModelSpec, folder: Path, threads: int | None, cache: Path | None) -> TransformerScorer:
    """A scorer that still has to be loaded."""
    return TransformerScorer(spec, folder, threads, cache)

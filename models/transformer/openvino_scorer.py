"""The scorer of the kind `transformer` on the CPU, with OpenVINO.

Needs openvino and tokenizers, but neither torch nor transformers.
"""

import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.interface.compute import Compute
from models.interface.manifest import Mode, ModelSpec
from models.interface.precision import Precision, choose_precision
from models.transformer.batches import Int64, TokenBatch, make_batches, pad_batch
from models.transformer.files import INT8_NETWORK, NETWORK, pad_token
from models.transformer.tokens import ModelTokenizer, TokenizedTexts
from storage.errors import ChorusError
from storage.records.scores import Float32

log = logging.getLogger(__name__)

# tokens a batch, padding included; 512 and 2,048 were not faster (MiniLM-L6, tweets)
_BATCH_TOKENS = 1024


@dataclass(frozen=True)
class PreparedBatches:
    """A chunk that is ready for the network."""

    tokens: TokenizedTexts
    batches: list[tuple[TokenBatch, Int64, Int64]]  # with token ids and mask, each [batch, width]


@dataclass(frozen=True)
class WindowLogits:
    """The output of the network for a chunk."""

    tokens: TokenizedTexts
    values: Float32  # [windows, labels]


class WrongOutputCount(ChorusError):
    """A network with more or fewer output values than its manifest has labels."""

    def __init__(self, actual: int, expected: int) -> None:
        self.actual, self.expected = actual, expected
        super().__init__(
            f"The network answers each text with {actual} values, and the manifest names "
            f"{expected} labels. Publish the model again, with one label for each value."
        )


class TransformerScorer:
    """A `Scorer` (see models.interface.scorer): texts → token batches → logits → probabilities."""

    def __init__(
        self, spec: ModelSpec, folder: Path, compute: Compute, precision: Precision | None = None
    ) -> None:
        """Keep the arguments; load() reads `folder`.

        A `precision` is used even if it is not offered, in order to check it.
        """
        self._spec, self._folder, self._compute, self._precision = spec, folder, compute, precision
        self._tokenizer: Any = None
        self._network: Any = None
        # queues that are not in use, each of as many requests as may be computed at once
        self._idle_queues: deque[Any] = deque()
        self._pad = 0

    def load(self) -> None:
        """Read the tokenizer, and compile the network or take it from the cache.

        Raises WrongOutputCount.
        """
        import openvino

        core = openvino.Core()
        bfloat16 = has_bfloat16(core)
        precision = self._precision or choose_precision(
            self._compute.precision, bfloat16, self._spec.precisions
        )
        network = self._folder / (INT8_NETWORK if precision == "int8" else NETWORK)
        settings: dict[str, str] = {
            "INFERENCE_PRECISION_HINT": "bf16"
            if self._uses_bfloat16(precision, bfloat16)
            else "f32",
            # one core for each batch: two cores on one batch would wait for each other
            "PERFORMANCE_HINT": "THROUGHPUT",
            # with it, the one-thread workers of two models would share the first core
            "ENABLE_CPU_PINNING": "NO",
        }
        if self._compute.threads is not None:
            settings["INFERENCE_NUM_THREADS"] = settings["NUM_STREAMS"] = str(self._compute.threads)
        if self._compute.cache is not None:
            settings["CACHE_DIR"] = str(self._compute.cache)
        self._pad = pad_token(self._folder)
        self._tokenizer = ModelTokenizer(self._spec, self._folder)
        compiled = core.compile_model(str(network), "CPU", settings)
        width = compiled.output(0).get_partial_shape()[-1]
        if width.is_static and width.get_length() != len(self._spec.labels):
            raise WrongOutputCount(width.get_length(), len(self._spec.labels))
        self._network = compiled
        self._idle_queues.append(openvino.AsyncInferQueue(compiled))
        log.info("computing in %s", precision)

    def _uses_bfloat16(self, precision: Precision, available: bool) -> bool:
        """Return whether to compute in bfloat16.

        With the int8 network that is for the parts that are not quantised, as in its check.
        """
        passed = any(
            check.precision == "bfloat16" and check.passed for check in self._spec.precisions
        )
        return available and (precision == "bfloat16" or (precision == "int8" and passed))

    def prepare(self, texts: pa.StringArray) -> PreparedBatches:
        """Tokenize the texts, and batch those of similar length."""
        tokens = self._tokenizer.tokenize(texts)
        batches = make_batches(tokens.lengths, _BATCH_TOKENS)
        return PreparedBatches(
            tokens, [(batch, *pad_batch(tokens.ids, batch, self._pad)) for batch in batches]
        )

    def infer(self, prepared: PreparedBatches) -> WindowLogits:
        """Compute as many batches at once as there are threads, the longest texts first."""
        queue = self._take_queue()
        answers: list[tuple[Int64, Float32]] = []

        # must not raise: OpenVINO would end the process
        def keep(request: Any, rows: Int64) -> None:
            answers.append((rows, request.get_output_tensor(0).data.copy()))

        queue.set_callback(keep)
        for batch, ids, mask in prepared.batches:
            queue.start_async({"input_ids": ids, "attention_mask": mask}, batch.rows)
        queue.wait_all()
        # not after a failure, because then some of its requests still run
        self._idle_queues.append(queue)
        values = np.empty((len(prepared.tokens.ids), len(self._spec.labels)), dtype=np.float32)
        for rows, logits in answers:
            values[rows] = logits
        return WindowLogits(prepared.tokens, values)

    def _take_queue(self) -> Any:
        """Return a queue for one call of infer; calls at the same time get one each."""
        import openvino

        try:
            return self._idle_queues.pop()
        except IndexError:
            return openvino.AsyncInferQueue(self._network)

    def finish(self, raw: WindowLogits) -> Float32:
        """Turn logits into probabilities, and windows into rows."""
        return raw.tokens.average_windows(to_probabilities(raw.values, self._spec.target.mode))

    def unload(self) -> None:
        """Release the network and the tokenizer. The scorer can be loaded again."""
        self._network = self._tokenizer = None
        self._idle_queues.clear()


def has_bfloat16(core: Any) -> bool:
    """Return whether this processor computes in bfloat16; `core` is an openvino.Core."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def to_probabilities(logits: Float32, mode: Mode) -> Float32:
    """Apply softmax over the labels for one-of, sigmoid to each for any-of.

    Both logits and probabilities are float32 [rows, labels].
    """
    if mode == "any_of":
        # the sigmoid, without overflow
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float32)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), dtype=np.float32)

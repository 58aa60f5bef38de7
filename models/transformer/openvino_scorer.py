"""The kind `transformer`: an encoder with a classification head, scored by OpenVINO on the CPU.

Needs openvino and tokenizers, nothing of torch or transformers.
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

# tokens a batch, padding included; neither 512 nor 2,048 were faster (MiniLM-L6, tweets)
_BUDGET = 1024


@dataclass(frozen=True)
class PreparedBatches:
    """A chunk that is ready for the network."""

    tokens: TokenizedTexts
    batches: list[tuple[TokenBatch, Int64, Int64]]  # with token ids and mask, each [batch, width]


@dataclass(frozen=True)
class WindowLogits:
    """What the network says."""

    tokens: TokenizedTexts
    values: Float32  # [windows, labels]


class WrongOutputCount(ChorusError):
    """A network answers with more or fewer values than its manifest names labels."""

    def __init__(self, found: int, expected: int) -> None:
        self.found, self.expected = found, expected
        super().__init__(
            f"The network answers each text with {found} values, and the manifest names {expected} labels. "
            "Publish the model again, with one label for each value."
        )


class TransformerScorer:
    """A `Scorer` (see models.interface.scorer): texts → token batches → logits → probabilities."""

    def __init__(
        self, spec: ModelSpec, folder: Path, compute: Compute, precision: Precision | None = None
    ) -> None:
        """`precision` is used whatever is offered, to find out what can be."""
        self._spec, self._folder, self._compute, self._precision = spec, folder, compute, precision
        self._reader: Any = None
        self._network: Any = None
        # queues of as many requests as may be computed at once, not in use
        self._free: deque[Any] = deque()
        self._pad = 0

    def load(self) -> None:
        """Reads the tokenizer and compiles the network, or takes it from the cache. Raises
        WrongOutputCount.
        """
        import openvino

        core = openvino.Core()
        native = has_bfloat16(core)
        precision = self._precision or choose_precision(
            self._compute.precision, native, self._spec.precisions
        )
        network = self._folder / (INT8_NETWORK if precision == "int8" else NETWORK)
        settings: dict[str, str] = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._in_16_bits(precision, native) else "f32",
            # a core a batch: two cores on one batch wait for each other
            "PERFORMANCE_HINT": "THROUGHPUT",
            # or else the one-thread workers of two models share the first core
            "ENABLE_CPU_PINNING": "NO",
        }
        if self._compute.threads is not None:
            settings["INFERENCE_NUM_THREADS"] = settings["NUM_STREAMS"] = str(self._compute.threads)
        if self._compute.cache is not None:
            settings["CACHE_DIR"] = str(self._compute.cache)
        self._pad = pad_token(self._folder)
        self._reader = ModelTokenizer(self._spec, self._folder)
        compiled = core.compile_model(str(network), "CPU", settings)
        width = compiled.output(0).get_partial_shape()[-1]
        if width.is_static and width.get_length() != len(self._spec.labels):
            raise WrongOutputCount(width.get_length(), len(self._spec.labels))
        self._network = compiled
        self._free.append(openvino.AsyncInferQueue(compiled))
        log.info("computing in %s", precision)

    def _in_16_bits(self, precision: Precision, native: bool) -> bool:
        """Whether to compute in bfloat16; in the int8 network, what is not quantised, as it was
        when it was checked.
        """
        passed = any(
            check.precision == "bfloat16" and check.passed for check in self._spec.precisions
        )
        return native and (precision == "bfloat16" or (precision == "int8" and passed))

    def prepare(self, texts: pa.StringArray) -> PreparedBatches:
        """Tokens, in batches of like lengths."""
        tokens = self._reader.tokenize(texts)
        made = make_batches(tokens.lengths, _BUDGET)
        return PreparedBatches(
            tokens, [(batch, *pad_batch(tokens.ids, batch, self._pad)) for batch in made]
        )

    def infer(self, prepared: PreparedBatches) -> WindowLogits:
        """As many batches at once as there are threads, the longest texts first."""
        requests = self._requests()
        answers: list[tuple[Int64, Float32]] = []

        # must not raise: OpenVINO would end the process
        def keep(request: Any, rows: Int64) -> None:
            answers.append((rows, request.get_output_tensor(0).data.copy()))

        requests.set_callback(keep)
        for batch, ids, mask in prepared.batches:
            requests.start_async({"input_ids": ids, "attention_mask": mask}, batch.rows)
        requests.wait_all()
        # not after a failure, which leaves requests of its own under way
        self._free.append(requests)
        values = np.empty((len(prepared.tokens.ids), len(self._spec.labels)), dtype=np.float32)
        for rows, logits in answers:
            values[rows] = logits
        return WindowLogits(prepared.tokens, values)

    def _requests(self) -> Any:
        """A queue for one call of infer; a short chunk beside a long one gets its own."""
        import openvino

        try:
            return self._free.pop()
        except IndexError:
            return openvino.AsyncInferQueue(self._network)

    def finish(self, raw: WindowLogits) -> Float32:
        """Logits to probabilities, and every row its text's."""
        return raw.tokens.average_windows(to_probabilities(raw.values, self._spec.target.mode))

    def unload(self) -> None:
        """The scorer can be loaded again."""
        self._network = self._reader = None
        self._free.clear()


def has_bfloat16(core: Any) -> bool:
    """Whether this processor, of which an openvino.Core knows, computes in bfloat16."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def to_probabilities(logits: Float32, mode: Mode) -> Float32:
    """Softmax over the labels for one-of, sigmoid of each for any-of: float32 [rows, labels] → the
    same.
    """
    if mode == "any_of":
        # the sigmoid, without overflow
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float32)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)

"""Checks of lower precisions when a transformer is published, and the int8 network if it passes.

int8 is NNCF's post-training quantisation: it takes the ranges of activations from example texts.
First everything is tried in int8, then only the products whose inputs have narrow ranges.
"""

import io
import logging
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.guards.telemetry import disable_telemetry
from models.interface.compute import Compute
from models.interface.manifest import Mode, ModelSpec
from models.interface.precision import MIN_ROWS, Precision, PrecisionCheck
from models.interface.scorer import score
from models.transformer.batches import Int64
from models.transformer.files import INT8_NETWORK, NETWORK
from models.transformer.openvino_scorer import TransformerScorer, has_bfloat16
from models.transformer.silence import silence_libraries
from models.transformer.tokens import ModelTokenizer
from storage.records.scores import Float32

log = logging.getLogger(__name__)

_CALIBRATION_TEXTS = 150  # 1,000 took three times as long and were no better
_MAX_CHECK_TEXTS = 2000


def check_precisions(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> tuple[PrecisionCheck, ...]:
    """Check bfloat16, where this processor has it, and int8; write the int8 network if it passes.

    int8 is calibrated on some of `learned`; its labels are compared with those of float32 on
    `held_out`, which are other texts. With too few of these, or without NNCF, int8 is not offered,
    and a warning says so.
    """
    held_out = held_out[:_MAX_CHECK_TEXTS]
    if len(held_out) < MIN_ROWS or not len(learned):
        log.warning(
            "int8 was not tried: %d texts to check it with, and %d are needed",
            len(held_out),
            MIN_ROWS,
        )
        return ()
    try:
        # NNCF draws progress bars on standard output, which belongs to the caller.
        with silence_libraries(), redirect_stdout(io.StringIO()):
            return tuple(_checks(spec, folder, learned, held_out))
    except (
        Exception
    ) as error:  # whatever NNCF raises for an unusual network; the model itself is good
        log.warning("int8 was not tried: %s", error)
        _remove(folder)
        return ()


def _checks(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> Iterator[PrecisionCheck]:
    import openvino

    comparison = _Float32Comparison(spec, folder, held_out)
    if has_bfloat16(openvino.Core()):
        yield comparison.check("bfloat16")
    for narrow_ranges_only in (False, True):
        _quantize(spec, folder, learned, narrow_ranges_only)
        int8 = comparison.check("int8")
        if int8.passed:
            break
    else:
        _remove(folder)
    yield int8


def _remove(folder: Path) -> None:
    for file in (folder / INT8_NETWORK, (folder / INT8_NETWORK).with_suffix(".bin")):
        file.unlink(missing_ok=True)


class _Float32Comparison:
    """The held-out texts and their scores in float32."""

    def __init__(self, spec: ModelSpec, folder: Path, texts: pa.StringArray) -> None:
        self._spec, self._folder, self._texts = spec, folder, texts
        self._values, self._seconds = self._score("float32")

    def check(self, precision: Precision) -> PrecisionCheck:
        values, seconds = self._score(precision)
        result = PrecisionCheck(
            precision=precision,
            rows=len(values),
            agreement=float(same_labels(self._spec.target.mode, self._values, values).mean()),
            largest_difference=float(np.abs(self._values - values).max()),
            speed=round(self._seconds / seconds, 2),
        )
        # The int8 network computes its other parts in bfloat16 if that has passed.
        self._spec = self._spec.model_copy(update={"precisions": (*self._spec.precisions, result)})
        return result

    def _score(self, precision: Precision) -> tuple[Float32, float]:
        """Return probabilities, and the processor seconds that the network took for them."""
        scorer = TransformerScorer(self._spec, self._folder, Compute(), precision)
        scorer.load()
        score(scorer, self._texts[:MIN_ROWS])  # allocates buffers for each shape
        prepared = scorer.prepare(self._texts)
        started = time.process_time()
        raw = scorer.infer(prepared)
        seconds = time.process_time() - started
        return scorer.finish(raw), seconds


def same_labels(
    mode: Mode, first: Float32, second: Float32
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return a mask [rows] of the rows with the same labels; both are float32 [rows, labels]."""
    if mode == "one_of":
        return np.asarray(first.argmax(axis=1) == second.argmax(axis=1))
    return np.asarray(((first >= 0.5) == (second >= 0.5)).all(axis=1))


def _quantize(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, narrow_ranges_only: bool
) -> None:
    """Write the int8 network beside the other, all of it in int8 or only narrow ranges."""
    disable_telemetry()
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    sample = np.random.default_rng(0).permutation(len(learned))[:_CALIBRATION_TEXTS]
    ids = ModelTokenizer(spec, folder).tokenize(learned.take(pa.array(sample))).ids

    def inputs(text: list[int]) -> dict[str, Int64]:
        return {
            "input_ids": np.array([text]),
            "attention_mask": np.ones((1, len(text)), dtype=np.int64),
        }

    network = openvino.Core().read_model(folder / NETWORK)
    quantized = nncf.quantize(
        network,
        nncf.Dataset(ids, inputs),
        subset_size=len(ids),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(
            types=["ScaledDotProductAttention"],  # as fast in 16 bits
            names=_wide_range_products(network) if narrow_ranges_only else [],
            validate=False,
        ),
    )
    openvino.save_model(quantized, folder / INT8_NETWORK, compress_to_fp16=False)


def _wide_range_products(network: Any) -> list[str]:
    """List the products with weights whose input does not come from a layer norm.

    It comes from attention, a GELU or the mean, where a few large values leave too few of the 256
    steps to the many small ones. On a MiniLM-L6 trained on tweets, 99.0 % of 3,742 texts kept
    their labels with everything in int8, and 99.7 % with these products in 16 bits.
    """
    return [
        node.get_friendly_name()
        for node in network.get_ops()
        if node.get_type_name() == "MatMul"
        and node.input_value(1).get_node().get_type_name() == "Constant"
        and not _is_normalised(node.input_value(0).get_node())
    ]


def _is_normalised(node: Any) -> bool:
    """Return whether this is a layer norm: a mean-variance normalisation, a weight and a bias."""
    while node.get_type_name() in ("Add", "Multiply", "Reshape"):
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "MVN")

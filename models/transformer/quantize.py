"""Tries a transformer in fewer bits when it is published, and keeps what answers as float32 does.

int8 by NNCF's post-training quantisation: the ranges of activations are taken from texts like those
that will come. First everything is tried in int8, then only what has narrow ranges.
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
from models.transformer.export import silence_libraries
from models.transformer.files import INT8_NETWORK, NETWORK
from models.transformer.openvino_scorer import TransformerScorer, has_bfloat16
from models.transformer.tokens import ModelTokenizer
from storage.records.scores import Float32

log = logging.getLogger(__name__)

_CALIBRATED_ON = 150  # texts; 1,000 took three times as long and were no better
_CHECKED_ON = 2000  # texts at most


def check_precisions(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> tuple[PrecisionCheck, ...]:
    """Measure bfloat16, where this processor has it, and int8; leave the int8 network in the folder
    if it passed.

    int8 is made with some of `learned`; `held_out` are other texts, on which its labels are
    compared with those of float32. With too few of these to tell, or without NNCF, int8 is not
    offered, and a warning says so.
    """
    held_out = held_out[:_CHECKED_ON]
    if len(held_out) < MIN_ROWS or not len(learned):
        log.warning(
            "int8 was not tried: %d texts to check it with, and %d are needed",
            len(held_out),
            MIN_ROWS,
        )
        return ()
    try:
        # NNCF draws bars on standard output, which is the caller's.
        with silence_libraries(), redirect_stdout(io.StringIO()):
            return tuple(_checks(spec, folder, learned, held_out))
    except Exception as error:  # whatever NNCF makes of a foreign network; the model itself is good
        log.warning("int8 was not tried: %s", error)
        _remove(folder)
        return ()


def _checks(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> Iterator[PrecisionCheck]:
    import openvino

    trial = _PrecisionTrial(spec, folder, held_out)
    if has_bfloat16(openvino.Core()):
        yield trial.check("bfloat16")
    for careful in (False, True):
        _quantise(spec, folder, learned, careful)
        int8 = trial.check("int8")
        if int8.passed:
            break
    else:
        _remove(folder)
    yield int8


def _remove(folder: Path) -> None:
    for file in (folder / INT8_NETWORK, (folder / INT8_NETWORK).with_suffix(".bin")):
        file.unlink(missing_ok=True)


class _PrecisionTrial:
    """The held-out texts and what float32 says of them."""

    def __init__(self, spec: ModelSpec, folder: Path, texts: pa.StringArray) -> None:
        self._spec, self._folder, self._texts = spec, folder, texts
        self._values, self._seconds = self._score("float32")

    def check(self, precision: Precision) -> PrecisionCheck:
        values, seconds = self._score(precision)
        found = PrecisionCheck(
            precision=precision,
            rows=len(values),
            agreement=float(same_labels(self._spec.target.mode, self._values, values).mean()),
            largest_difference=float(np.abs(self._values - values).max()),
            speed=round(self._seconds / seconds, 2),
        )
        # What is not in int8 is computed in bfloat16 if that has passed.
        self._spec = self._spec.model_copy(update={"precisions": (*self._spec.precisions, found)})
        return found

    def _score(self, precision: Precision) -> tuple[Float32, float]:
        """Probabilities, and the processor seconds that the network took for them."""
        scorer = TransformerScorer(self._spec, self._folder, Compute(), precision)
        scorer.load()
        score(scorer, self._texts[:MIN_ROWS])  # the first time, buffers for each shape are made
        prepared = scorer.prepare(self._texts)
        started = time.process_time()
        raw = scorer.infer(prepared)
        seconds = time.process_time() - started
        return scorer.finish(raw), seconds


def same_labels(
    mode: Mode, first: Float32, second: Float32
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """[rows] whether both answers, float32 [rows, labels], choose the same labels."""
    if mode == "one_of":
        return np.asarray(first.argmax(axis=1) == second.argmax(axis=1))
    return np.asarray(((first >= 0.5) == (second >= 0.5)).all(axis=1))


def _quantise(spec: ModelSpec, folder: Path, learned: pa.StringArray, careful: bool) -> None:
    """Write the int8 network beside the other. Careful: only the products that read normalised
    vectors are in int8.
    """
    disable_telemetry()
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    some = np.random.default_rng(0).permutation(len(learned))[:_CALIBRATED_ON]
    ids = ModelTokenizer(spec, folder).tokenize(learned.take(pa.array(some))).ids

    def inputs(text: list[int]) -> dict[str, Int64]:
        return {
            "input_ids": np.array([text]),
            "attention_mask": np.ones((1, len(text)), dtype=np.int64),
        }

    network = openvino.Core().read_model(folder / NETWORK)
    quantised = nncf.quantize(
        network,
        nncf.Dataset(ids, inputs),
        subset_size=len(ids),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=nncf.IgnoredScope(
            types=["ScaledDotProductAttention"],  # as fast in 16 bits
            names=_of_wide_range(network) if careful else [],
            validate=False,
        ),
    )
    openvino.save_model(quantised, folder / INT8_NETWORK, compress_to_fp16=False)


def _of_wide_range(network: Any) -> list[str]:
    """Names of the products with weights whose input comes from no layer norm: from attention, a
    GELU, or the mean.

    A few large values there leave the many small ones too few of 256 steps. On a MiniLM-L6 that had
    learned from tweets, 99.0 % of 3,742 texts kept their labels with everything in int8, 99.7 %
    with these in 16 bits.
    """
    return [
        node.get_friendly_name()
        for node in network.get_ops()
        if node.get_type_name() == "MatMul"
        and node.input_value(1).get_node().get_type_name() == "Constant"
        and not _is_normalised(node.input_value(0).get_node())
    ]


def _is_normalised(node: Any) -> bool:
    """Whether this is what a layer norm gives: its mean-variance normalisation, times a weight,
    plus a bias.
    """
    while node.get_type_name() in ("Add", "Multiply", "Reshape"):
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "MVN")

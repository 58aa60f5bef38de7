"""Tries a transformer in fewer bits when it is published, and keeps what answers as float32 does.

int8 by NNCF's post-training quantisation: the ranges of all activations are taken from texts like those that will come.
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

from models.batches import Int64
from models.compute import Compute
from models.manifest import Mode, ModelSpec
from models.missing import needs
from models.precision import LEAST_ROWS, Precision, PrecisionCheck
from models.publish_transformer import quiet
from models.scorer import score
from models.tokens import TextReader
from models.transformer_files import INT8_NETWORK, NETWORK
from models.transformer_openvino import TransformerScorer, has_bfloat16
from storage.scores import Float32

_CALIBRATED_ON = 200  # texts; 1,000 took three times as long and were no better
_CHECKED_ON = 2000  # texts at most


def check_precisions(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> tuple[PrecisionCheck, ...]:
    """Measure bfloat16, where this processor has it, and int8; leave the int8 network in the folder if it passed.

    `learned` are texts that the model learned from, `held_out` others, on which its labels are compared with those of
    float32. With too few of these to tell nothing is tried. Raises MissingPackage.
    """
    held_out = held_out[:_CHECKED_ON]
    if len(held_out) < LEAST_ROWS or not len(learned):
        return ()
    with needs("train", "Publishing a transformer"), quiet(), redirect_stdout(io.StringIO()):  # NNCF draws bars
        import openvino

        trial = _Trial(spec, folder, held_out)
        checks = [trial.check("bfloat16")] if has_bfloat16(openvino.Core()) else []
        _quantise(spec, folder, learned)
    checks.append(trial.check("int8"))
    if not checks[-1].passed:
        for file in _files(folder):
            file.unlink()
    return tuple(checks)


class _Trial:
    """The held-out texts and what float32 says of them."""

    def __init__(self, spec: ModelSpec, folder: Path, texts: pa.StringArray) -> None:
        self._spec, self._folder, self._texts = spec, folder, texts
        self._values, self._seconds = self._score("float32")

    def check(self, precision: Precision) -> PrecisionCheck:
        values, seconds = self._score(precision)
        return PrecisionCheck(
            precision=precision,
            rows=len(values),
            agreement=float(same_labels(self._spec.target.mode, self._values, values).mean()),
            largest_difference=float(np.abs(self._values - values).max()),
            speed=round(self._seconds / seconds, 2),
        )

    def _score(self, precision: Precision) -> tuple[Float32, float]:
        """Probabilities, and the seconds that the network took for them."""
        scorer = TransformerScorer(self._spec, self._folder, Compute(), precision)
        scorer.load()
        score(scorer, self._texts)  # the first time, buffers for each shape are made
        prepared = scorer.prepare(self._texts)
        started = time.monotonic()
        raw = scorer.infer(prepared)
        seconds = time.monotonic() - started
        return scorer.finish(raw), seconds


def same_labels(mode: Mode, first: Float32, second: Float32) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """[rows] whether both answers, float32 [rows, labels], choose the same labels."""
    if mode == "one_of":
        return np.asarray(first.argmax(axis=1) == second.argmax(axis=1))
    return np.asarray(((first >= 0.5) == (second >= 0.5)).all(axis=1))


def _quantise(spec: ModelSpec, folder: Path, learned: pa.StringArray) -> None:
    """Write the int8 network beside the other."""
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    some = np.random.default_rng(0).permutation(len(learned))[:_CALIBRATED_ON]
    ids = TextReader(spec, folder).read(learned.take(pa.array(some))).ids

    def inputs(text: list[int]) -> dict[str, Int64]:
        return {"input_ids": np.array([text]), "attention_mask": np.ones((1, len(text)), dtype=np.int64)}

    network = openvino.Core().read_model(folder / NETWORK)
    left = nncf.IgnoredScope(names=_contracting(network), types=["ScaledDotProductAttention"], validate=False)
    quantised = nncf.quantize(
        network,
        nncf.Dataset(ids, inputs),
        subset_size=len(ids),
        model_type=nncf.ModelType.TRANSFORMER,
        ignored_scope=left,
    )
    openvino.save_model(quantised, folder / INT8_NETWORK, compress_to_fp16=False)


def _contracting(network: Any) -> list[str]:
    """Names of the matrix products with more inputs than outputs: the second of each feed-forward block, and the head.

    What enters the second product has passed a GELU, whose few large values leave the many small ones too few steps.
    """
    found = []
    for node in network.get_ops():
        shape = node.input(1).get_partial_shape() if node.get_type_name() == "MatMul" else None
        if shape is not None and shape.is_static and len(shape) == 2:
            outputs, inputs = shape.to_shape() if node.get_attributes()["transpose_b"] else shape.to_shape()[::-1]
            if inputs > outputs:
                found.append(node.get_friendly_name())
    return found


def _files(folder: Path) -> Iterator[Path]:
    network = folder / INT8_NETWORK
    return iter((network, network.with_suffix(".bin")))

"""The scorer of the kind `bow`: a scikit-learn pipeline that is read from a skops file."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.bow.skops_file import load_skops
from models.interface.manifest import ModelSpec
from storage.errors import ChorusError
from storage.records.scores import Float32

PIPELINE = "pipeline.skops"


class WrongLabels(ChorusError):
    """A pipeline whose labels are not those of its manifest."""

    def __init__(self, expected: tuple[str, ...], actual: tuple[str, ...]) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(
            f"The pipeline's labels are {', '.join(actual)}, and the manifest says "
            f"{', '.join(expected)}. Publish the model again."
        )


def class_names(pipeline: Any) -> tuple[str, ...]:
    """Return the labels of predict_proba's columns; for any-of only numbers: '0', '1', …"""
    return tuple(str(name) for name in pipeline.classes_)


class BowScorer:
    """A `Scorer` (see models.interface.scorer) that does all its work in `infer`."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._pipeline: Any = None

    def load(self) -> None:
        """Read the pipeline. Raises UntrustedTypes, WrongLabels."""
        pipeline = load_skops(self._folder / PIPELINE)
        labels = self._spec.labels
        one_of = self._spec.target.mode == "one_of"
        expected = labels if one_of else tuple(map(str, range(len(labels))))
        if class_names(pipeline) != expected:
            raise WrongLabels(expected, class_names(pipeline))
        self._pipeline = pipeline

    def prepare(self, texts: pa.StringArray) -> list[str]:
        return list(texts.to_pylist())

    def infer(self, prepared: list[str]) -> Float32:
        if not prepared:
            return np.empty((0, len(self._spec.labels)), dtype=np.float32)
        return np.asarray(self._pipeline.predict_proba(prepared), dtype=np.float32)

    def finish(self, raw: Float32) -> Float32:
        return raw

    def unload(self) -> None:
        self._pipeline = None

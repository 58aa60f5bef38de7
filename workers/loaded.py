"""One model version in the memory of this process."""

from threading import Lock

import pyarrow as pa

from models.compute import Compute
from models.kinds import open_scorer
from models.registry import ModelRegistry
from storage.place import Place
from storage.scores import Float32


class Loaded:
    """A model version in memory. Preparing and finishing overlap with the compute of another chunk."""

    def __init__(self, place: Place, model: str, version: int, compute: Compute) -> None:
        registry = ModelRegistry(place)
        manifest = registry.manifest(model, version)
        self.digest, self.labels = manifest.digest, manifest.labels
        self._busy = Lock()
        with registry.verified(manifest) as folder:
            self._scorer = open_scorer(manifest, folder, compute)
            self._scorer.load()

    def score(self, texts: pa.StringArray) -> Float32:
        """[rows] strings -> [rows, labels] float32 probabilities."""
        prepared = self._scorer.prepare(texts)
        with self._busy:
            raw = self._scorer.infer(prepared)
        return self._scorer.finish(raw)

    def unload(self) -> None:
        self._scorer.unload()

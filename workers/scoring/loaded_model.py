"""One model version in the memory of this process."""

from collections.abc import Callable
from contextlib import nullcontext
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from models.interface.compute import Compute
from models.kinds.table import open_scorer
from models.publishing.registry import ModelRegistry
from storage.places.place import Place
from storage.records.scores import Float32
from tasks.broker.step_messages import SHORT_JOB_ROWS
from workers.scoring.cpu_clock import CpuClock


class InMemoryModel:
    """A model version in memory.

    Preparing and finishing a chunk overlap with the compute of another.
    """

    def __init__(
        self,
        place: Place,
        model: str,
        version: int,
        compute: Compute,
        scored: Callable[[int, int, CpuClock, CpuClock], None] | None = None,
    ) -> None:
        """`scored` is called for every chunk: its rows, their characters, and the clocks at its
        start and end.
        """
        registry = ModelRegistry(place)
        manifest = registry.manifest(model, version)
        self.digest, self.labels = manifest.digest, manifest.labels
        self._busy, self._scored = Lock(), scored
        with registry.verified(manifest) as folder:
            self._scorer = open_scorer(manifest, folder, compute)
            self._scorer.load()

    def score(self, texts: pa.StringArray) -> Float32:
        """Return [rows, labels] float32 probabilities for [rows] strings.

        A short chunk does not wait for one that is being computed.
        """
        began = CpuClock.now()
        prepared = self._scorer.prepare(texts)
        with nullcontext() if len(texts) <= SHORT_JOB_ROWS else self._busy:
            raw = self._scorer.infer(prepared)
        values = self._scorer.finish(raw)
        if self._scored is not None:
            chars = pc.sum(pc.utf8_length(texts)).as_py() or 0
            self._scored(len(texts), chars, began, CpuClock.now())
        return values

    def unload(self) -> None:
        """Free the memory."""
        self._scorer.unload()

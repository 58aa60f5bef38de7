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

# Called for every scored chunk: its rows, their characters, and the clocks at its start and end.
OnScored = Callable[[int, int, CpuClock, CpuClock], None]


class InMemoryModel:
    """A model version in memory.

    One chunk is prepared or finished while another is computed.
    """

    def __init__(
        self,
        place: Place,
        model: str,
        version: int,
        compute: Compute,
        on_scored: OnScored | None = None,
    ) -> None:
        """Load the version. Raises what loading it raises."""
        registry = ModelRegistry(place)
        manifest = registry.manifest(model, version)
        self.digest, self.labels = manifest.digest, manifest.labels
        self._computing, self._on_scored = Lock(), on_scored
        with registry.verified(manifest) as folder:
            self._scorer = open_scorer(manifest, folder, compute)
            self._scorer.load()

    def score(self, texts: pa.StringArray) -> Float32:
        """Return [rows, labels] float32 probabilities for [rows] strings.

        A short chunk does not wait for one that is being computed.
        """
        start = CpuClock.now()
        prepared = self._scorer.prepare(texts)
        with nullcontext() if len(texts) <= SHORT_JOB_ROWS else self._computing:
            raw = self._scorer.infer(prepared)
        probabilities = self._scorer.finish(raw)
        if self._on_scored is not None:
            chars = pc.sum(pc.utf8_length(texts)).as_py() or 0
            self._on_scored(len(texts), chars, start, CpuClock.now())
        return probabilities

    def unload(self) -> None:
        """Free the memory."""
        self._scorer.unload()

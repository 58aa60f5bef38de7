"""Scoring on this machine without a broker or pools: one model version, in a process of its own,
that ends with us.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from rich.console import Console
from rich.progress import track

from chorus.common.process_setup import block_pandas
from chorus.common.settings import Settings
from chorus.compare.stored_feedback import StoredChunk
from models.interface.manifest import ModelManifest
from storage.errors import ChorusError
from storage.places.concurrent import map_concurrently
from storage.places.place import Place
from storage.records import scores
from storage.records.feedback import read_texts
from storage.records.labelled_output import ModelVersion
from storage.records.scores import Scores
from tasks.planning.score_reuse import complete_scores
from tasks.steps.bisect_rows import ModelAtFault
from tasks.steps.fault_isolation import score_isolating_faults
from workers.scoring.isolated_model import IsolatedModel

_SECONDS = 600.0  # for one chunk; of texts that take longer, fewer are asked next


class CannotScore(ChorusError):
    """A model fails, and not because of a few texts."""

    def __init__(self, model: str, version: int, reason: str) -> None:
        self.model, self.version, self.reason = model, version, reason
        super().__init__(
            f"{model} version {version} cannot score, and no single texts are to blame: {reason}. What was scored "
            "before is kept. Publish a model without this fault, or give it the memory that it needs."
        )


class LocalScorer:
    """A model version in a process of its own."""

    def __init__(self, manifest: ModelManifest, isolated: IsolatedModel) -> None:
        self._manifest, self._isolated = manifest, isolated

    def score(self, texts: pa.StringArray) -> Scores:
        """The scores of these texts; those that the model cannot bear are rejected. Raises
        CannotScore, IsolationFailed.
        """
        one = self._manifest
        try:
            values, rejected = score_isolating_faults(self._isolated, texts)
        except ModelAtFault as error:
            raise CannotScore(one.name, one.version, error.reason) from None
        return Scores(one.name, one.version, one.digest, one.labels, values, rejected)


@contextmanager
def open_local_scorer(
    settings: Settings, place: Place, manifest: ModelManifest
) -> Iterator[LocalScorer]:
    """The version, loaded, for as long as the block lasts. Raises IsolationFailed."""
    isolated = IsolatedModel(
        place, manifest.name, manifest.version, settings.compute(), block_pandas, _SECONDS
    )
    try:
        yield LocalScorer(manifest, isolated)
    finally:
        isolated.stop()


def score_missing_chunks(
    settings: Settings, place: Place, manifest: ModelManifest, chunks: Sequence[StoredChunk]
) -> int:
    """Score those of the chunks that the version has not scored, and store the scores; how many
    there were.

    `chunks` are the newest first, and scored the other way round: the older lend to the newer what
    they share.

    Raises CannotScore, IsolationFailed, CannotWrite.
    """
    cells = {chunk.id: chunk for chunk in chunks}
    there = scores.scored_chunks(place, manifest.name, manifest.version, cells.keys())
    missing = [chunk for name, chunk in cells.items() if name not in there]
    if not missing:
        return 0
    with open_local_scorer(settings, place, manifest) as here:
        shown = _shown(f"{manifest.name} {manifest.version}: scoring", missing[::-1])
        texts = map_concurrently(
            place, lambda chunk: read_texts(place, chunk.dataset, chunk.position), missing[::-1]
        )
        for chunk, some in zip(shown, texts, strict=True):
            found = complete_scores(
                place, chunk.dataset, chunk.position, to_model_version(manifest), some, here.score
            )
            # A worker may have been quicker; whoever comes first is right for all.
            place.create(
                scores.path(manifest.name, manifest.version, chunk.id), scores.encode(found)
            )
    return len(missing)


def to_model_version(manifest: ModelManifest) -> ModelVersion:
    """As a job names it."""
    return ModelVersion(name=manifest.name, version=manifest.version, digest=manifest.digest)


def _shown(what: str, chunks: Sequence[StoredChunk]) -> Iterator[StoredChunk]:
    """The chunks one by one, and on standard error how far they are."""
    yield from track(
        chunks, f"{what} {sum(chunk.rows for chunk in chunks):,} rows", console=Console(stderr=True)
    )

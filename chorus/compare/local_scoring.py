"""Local scoring: one model version in a child process of this command, without broker or pools."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from rich.progress import track

from chorus.common.console import stderr_console
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

_SCORE_TIMEOUT = 600.0  # seconds for a chunk; one that takes longer is scored in smaller pieces


class CannotScore(ChorusError):
    """A model that fails, and not because of single texts."""

    def __init__(self, model: str, version: int, reason: str) -> None:
        self.model, self.version, self.reason = model, version, reason
        super().__init__(
            f"{model} version {version} cannot score, and not because of single texts: {reason}. "
            "The scores stored before are kept. Publish a model without this fault, or give it "
            "the memory that it needs."
        )


class LocalScorer:
    """Scorer of one model version in a child process."""

    def __init__(self, manifest: ModelManifest, isolated: IsolatedModel) -> None:
        self._manifest, self._isolated = manifest, isolated

    def score(self, texts: pa.StringArray) -> Scores:
        """Return the scores of [rows] texts; texts that make the model fail are rejected.

        Raises CannotScore, IsolationFailed.
        """
        manifest = self._manifest
        try:
            values, rejected = score_isolating_faults(self._isolated, texts)
        except ModelAtFault as error:
            raise CannotScore(manifest.name, manifest.version, error.reason) from None
        return Scores(
            manifest.name, manifest.version, manifest.digest, manifest.labels, values, rejected
        )


@contextmanager
def open_local_scorer(
    settings: Settings, place: Place, manifest: ModelManifest
) -> Iterator[LocalScorer]:
    """Load a model version in a child process for the `with` block. Raises IsolationFailed."""
    isolated = IsolatedModel(
        place, manifest.name, manifest.version, settings.compute(), block_pandas, _SCORE_TIMEOUT
    )
    try:
        yield LocalScorer(manifest, isolated)
    finally:
        isolated.stop()


def score_missing_chunks(
    settings: Settings, place: Place, manifest: ModelManifest, chunks: Sequence[StoredChunk]
) -> int:
    """Score and store the chunks that the version has not scored yet. Return their number.

    `chunks` come newest first. They are scored oldest first, so that newer chunks reuse the scores
    of equal texts.

    Raises CannotScore, IsolationFailed, CannotWrite.
    """
    chunks_by_id = {chunk.id: chunk for chunk in chunks}
    scored = scores.scored_chunks(place, manifest.name, manifest.version, chunks_by_id.keys())
    missing = [chunk for id_, chunk in chunks_by_id.items() if id_ not in scored]
    if not missing:
        return 0
    with open_local_scorer(settings, place, manifest) as scorer:
        progress = _with_progress(f"{manifest.name} {manifest.version}: scoring", missing[::-1])
        texts_of_chunks = map_concurrently(
            place, lambda chunk: read_texts(place, chunk.dataset, chunk.position), missing[::-1]
        )
        for chunk, texts in zip(progress, texts_of_chunks, strict=True):
            chunk_scores = complete_scores(
                place,
                chunk.dataset,
                chunk.position,
                to_model_version(manifest),
                texts,
                scorer.score,
            )
            # A worker may have stored these scores first; `create` keeps the first version.
            place.create(
                scores.path(manifest.name, manifest.version, chunk.id), scores.encode(chunk_scores)
            )
    return len(missing)


def to_model_version(manifest: ModelManifest) -> ModelVersion:
    """Return the version of a manifest as jobs record it."""
    return ModelVersion(name=manifest.name, version=manifest.version, digest=manifest.digest)


def _with_progress(description: str, chunks: Sequence[StoredChunk]) -> Iterator[StoredChunk]:
    """Yield the chunks one by one, and show the progress on standard error."""
    yield from track(
        chunks,
        f"{description} {sum(chunk.rows for chunk in chunks):,} rows",
        console=stderr_console(),
    )

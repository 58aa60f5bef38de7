"""Comparison of two versions of a model on stored feedback."""

from collections.abc import Sequence

import numpy as np

from chorus.common.settings import Settings
from chorus.compare.difference import Difference
from chorus.compare.local_scoring import score_missing_chunks, to_model_version
from chorus.compare.stored_feedback import StoredChunk
from ensemble.compare import Comparison, Int64, Predictions, RowIds, compare
from models.interface.manifest import ModelManifest
from storage.errors import BadRequest
from storage.places.place import Place
from storage.records import feedback, scores
from storage.records.decisions import Mode, decide_labels
from storage.records.scores import Scores


class DifferentTargets(BadRequest):
    """Two versions of a model that answer different targets."""

    def __init__(self, before: ModelManifest, after: ModelManifest) -> None:
        self.before, self.after = before, after
        answers = (
            f"version {one.version} answers {one.target.name} ({one.target.mode})"
            for one in (before, after)
        )
        super().__init__(
            f"The versions of {before.name} answer different targets: {', '.join(answers)}."
        )


def diff_versions(
    settings: Settings,
    place: Place,
    before: ModelManifest,
    after: ModelManifest,
    chunks: Sequence[StoredChunk],
    max_moved: int = 20,
) -> Difference:
    """Compare two versions of one model on these chunks.

    Stored scores are used. Missing ones are computed and stored, one version after the other, so
    that one model is in memory at a time.

    Raises DifferentTargets, CannotScore, IsolationFailed, BadScores.
    """
    if before.target != after.target:
        raise DifferentTargets(before, after)
    for manifest in (before, after):
        score_missing_chunks(settings, place, manifest, chunks)
    difference = Difference(f"{before.name} {before.version}", f"{after.name} {after.version}")
    for chunk in chunks:
        comparison, rejected = _compare_chunk(place, before, after, chunk, max_moved)
        difference.add(before.target.name, chunk.dataset.customer, comparison)
        difference.rejected += rejected
    return difference


def _compare_chunk(
    place: Place, before: ModelManifest, after: ModelManifest, chunk: StoredChunk, max_moved: int
) -> tuple[Comparison, int]:
    """Return the comparison of a chunk, and the number of rows that one of the two rejected."""
    scores_before, scores_after = (
        _read_scores(place, manifest, chunk) for manifest in (before, after)
    )
    kept = np.setdiff1d(np.arange(chunk.rows), [*scores_before.rejected, *scores_after.rejected])
    ids = feedback.read_chunk(place, chunk.dataset, chunk.position, ["id"])["id"].take(kept)
    rows = RowIds(chunk.dataset.customer, chunk.dataset.id, chunk.position, kept, ids.to_pylist())
    mode = before.target.mode
    return compare(
        mode,
        _predict(scores_before, mode, kept),
        _predict(scores_after, mode, kept),
        rows,
        max_moved,
    ), chunk.rows - len(kept)


def _predict(chunk_scores: Scores, mode: Mode, rows: Int64) -> Predictions:
    values = chunk_scores.values[rows]
    return Predictions(chunk_scores.labels, values, decide_labels(values, mode))


def _read_scores(place: Place, manifest: ModelManifest, chunk: StoredChunk) -> Scores:
    return scores.read(place, to_model_version(manifest), chunk.id, chunk.rows)

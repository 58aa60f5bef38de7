"""Comparison of two versions of a model on stored feedback."""

from collections.abc import Sequence

import numpy as np

from chorus.common.settings import Settings
from chorus.compare.difference import Difference
from chorus.compare.local_scoring import score_missing_chunks, to_model_version
from chorus.compare.stored_feedback import StoredChunk
from ensemble.common_labels import common_labels
from ensemble.compare import Comparison, Int64, Predictions, RowIds, compare
from models.interface.manifest import ModelManifest
from models.publishing.kept_answers import describe_answers
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
            f"The versions of {before.name} answer different targets: {', '.join(answers)}. Their "
            "labels have no common meaning, so they cannot be compared."
        )


class DifferentLabels(BadRequest):
    """Two versions of a model whose labels have no common meaning."""

    def __init__(self, before: ModelManifest, after: ModelManifest) -> None:
        self.before, self.after = before, after
        answers = "; ".join(
            f"version {one.version} answers {describe_answers(one.target, one.labels)}"
            for one in (before, after)
        )
        needed = "the same labels" if before.target.mode == "one_of" else "a label in common"
        super().__init__(
            f"The versions of {before.name} cannot be compared, because they need {needed}: "
            f"{answers}."
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

    Labels of an any_of target that only one of them has are left out.

    Raises DifferentTargets, DifferentLabels, CannotScore, IsolationFailed, BadScores.
    """
    if before.target != after.target:
        raise DifferentTargets(before, after)
    labels = common_labels(before.target.mode, before.labels, after.labels)
    if not labels:
        raise DifferentLabels(before, after)
    for manifest in (before, after):
        score_missing_chunks(settings, place, manifest, chunks)
    difference = Difference(f"{before.name} {before.version}", f"{after.name} {after.version}")
    difference.leave_out_labels(before.target.name, {*before.labels, *after.labels} - {*labels})
    for chunk in chunks:
        comparison, rejected = _compare_chunk(place, before, after, labels, chunk, max_moved)
        difference.add(before.target.name, chunk.dataset.customer, comparison)
        difference.rejected += rejected
    return difference


def _compare_chunk(
    place: Place,
    before: ModelManifest,
    after: ModelManifest,
    labels: tuple[str, ...],
    chunk: StoredChunk,
    max_moved: int,
) -> tuple[Comparison, int]:
    """Return the comparison of a chunk under these labels, and the number of rows that one of the
    two rejected.
    """
    scores_before, scores_after = (
        _read_scores(place, manifest, chunk) for manifest in (before, after)
    )
    kept = np.setdiff1d(np.arange(chunk.rows), [*scores_before.rejected, *scores_after.rejected])
    ids = feedback.read_chunk(place, chunk.dataset, chunk.position, ["id"])["id"].take(kept)
    rows = RowIds(chunk.dataset.customer, chunk.dataset.id, chunk.position, kept, ids.to_pylist())
    mode = before.target.mode
    return compare(
        mode,
        _predict(scores_before, mode, kept).select(labels),
        _predict(scores_after, mode, kept).select(labels),
        rows,
        max_moved,
    ), chunk.rows - len(kept)


def _predict(chunk_scores: Scores, mode: Mode, rows: Int64) -> Predictions:
    values = chunk_scores.values[rows]
    return Predictions(chunk_scores.labels, values, decide_labels(values, mode))


def _read_scores(place: Place, manifest: ModelManifest, chunk: StoredChunk) -> Scores:
    return scores.read(place, to_model_version(manifest), chunk.id, chunk.rows)

"""Two versions of a model on stored feedback."""

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
    """Two versions whose answers cannot be compared."""

    def __init__(self, before: ModelManifest, after: ModelManifest) -> None:
        self.before, self.after = before, after
        said = (
            f"version {one.version} answers {one.target.name} ({one.target.mode})"
            for one in (before, after)
        )
        super().__init__(
            f"The versions of {before.name} answer different targets: {', '.join(said)}."
        )


def diff_versions(
    settings: Settings,
    place: Place,
    before: ModelManifest,
    after: ModelManifest,
    chunks: Sequence[StoredChunk],
    max_moved: int = 20,
) -> Difference:
    """What two versions of one model say of these chunks.

    Scores that are there are used. Those that are missing are made and stored, one version after
    the other, so that one model is in memory at a time. Raises NotTheSameQuestion, CannotScore,
    IsolationFailed, BadScores.
    """
    if before.target != after.target:
        raise DifferentTargets(before, after)
    for manifest in (before, after):
        score_missing_chunks(settings, place, manifest, chunks)
    found = Difference(f"{before.name} {before.version}", f"{after.name} {after.version}")
    for chunk in chunks:
        compared, rejected = _compare(place, before, after, chunk, max_moved)
        found.add(before.target.name, chunk.dataset.customer, compared)
        found.rejected += rejected
    return found


def _compare(
    place: Place, before: ModelManifest, after: ModelManifest, chunk: StoredChunk, most: int
) -> tuple[Comparison, int]:
    """Of one chunk, and how many of its rows one of the two has rejected."""
    was, now = (_read(place, manifest, chunk) for manifest in (before, after))
    kept = np.setdiff1d(np.arange(chunk.rows), [*was.rejected, *now.rejected])
    ids = feedback.read_chunk(place, chunk.dataset, chunk.position, ["id"])["id"].take(kept)
    rows = RowIds(chunk.dataset.customer, chunk.dataset.id, chunk.position, kept, ids.to_pylist())
    mode = before.target.mode
    return compare(
        mode, _said(was, mode, kept), _said(now, mode, kept), rows, most
    ), chunk.rows - len(kept)


def _said(found: Scores, mode: Mode, rows: Int64) -> Predictions:
    values = found.values[rows]
    return Predictions(found.labels, values, decide_labels(values, mode))


def _read(place: Place, manifest: ModelManifest, chunk: StoredChunk) -> Scores:
    return scores.read(place, to_model_version(manifest), chunk.id, chunk.rows)

"""Trains a model of any kind, and measures it on rows it has not seen the way it will be served."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.interface.manifest import Card, ModelSpec
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.interface.training_set import Labelled, check_learnable, split
from models.kinds.table import find_kind, open_scorer
from models.publishing.metrics import metrics
from models.publishing.publish import check_options, import_model
from models.publishing.trial import measure
from storage.records.scores import Float32


@dataclass(frozen=True)
class Trained:
    """A model that is ready to be published, and what it says of the held-out rows."""

    spec: ModelSpec
    held_out: Labelled
    values: Float32  # [held-out rows, labels]


def train(
    kind: str,
    target: str,
    data: Labelled,
    folder: Path,
    options: TrainingOptions,
    description: str,
    held_out: float = 0.1,
    initializer: Callable[[], None] | None = None,
) -> Trained:
    """Fill an empty folder with the artifacts of a model that answers `target`.

    About a share of `held_out` of the rows, chosen by their texts, is not learned from but measured
    on. `initializer` is called first in the process of the trial. Raises UnknownKind, NotForThisKind,
    BadLabels, MissingPackage, FailedTrial, and what the kind raises.
    """
    check_options(kind, options.over_length)
    learned, kept = split(data, held_out)
    check_learnable(learned)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chorus-") as fresh:
        find_kind(kind).fit(learned, Path(fresh), options)
        seconds = time.monotonic() - started
        spec = import_model(
            kind, Path(fresh), folder, target, data.labels, options.max_tokens, options.over_length
        )
    checks = find_kind(kind).check_precisions(spec, folder, learned.texts, kept.texts)
    spec = spec.model_copy(update={"precisions": checks})
    values = held_out_scores(spec, folder, kept)
    card = Card(
        data=description,
        rows_trained=min(len(learned), options.most_rows or len(learned)),
        rows_held_out=len(kept),
        metrics=metrics(values, kept.truth, kept.mode),
        seconds=round(seconds, 1),
    )
    measured = measure(spec, folder, kept.texts, initializer)
    return Trained(spec.model_copy(update={"card": card, "measured": measured}), kept, values)


def held_out_scores(spec: ModelSpec, folder: Path, data: Labelled) -> Float32:
    """What the model says of these rows, float32 [rows, labels], by the engine that will serve it."""
    scorer = open_scorer(spec, folder)
    scorer.load()
    try:
        return score(scorer, data.texts)
    finally:
        scorer.unload()

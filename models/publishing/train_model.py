"""Trains a model of any kind, and measures it on rows it has not seen the way it will be served."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.interface.manifest import ModelCard, ModelSpec
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts, check_learnable, split
from models.kinds.table import find_kind, open_scorer
from models.publishing.metrics import compute_metrics
from models.publishing.publish import check_options, import_model
from models.publishing.trial import measure_model
from storage.records.scores import Float32


@dataclass(frozen=True)
class TrainedModel:
    """A model that is ready to be published, and what it says of the held-out rows."""

    spec: ModelSpec
    held_out: LabelledTexts
    values: Float32  # [held-out rows, labels]


def train(
    kind: str,
    target: str,
    data: LabelledTexts,
    folder: Path,
    options: TrainingOptions,
    description: str,
    held_out: float = 0.1,
    initializer: Callable[[], None] | None = None,
) -> TrainedModel:
    """Fill an empty folder with the artifacts of a model that answers `target`.

    About a share of `held_out` of the rows, chosen by their texts, is not learned from but measured
    on. `initializer` is called first in the process of the trial. Raises UnknownKind, OptionNotSupported,
    BadLabels, MissingPackage, TrialFailed, and what the kind raises.
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
    values = score_labelled_texts(spec, folder, kept)
    card = ModelCard(
        data=description,
        rows_trained=min(len(learned), options.max_rows or len(learned)),
        rows_held_out=len(kept),
        metrics=compute_metrics(values, kept.truth, kept.mode),
        seconds=round(seconds, 1),
    )
    measured = measure_model(spec, folder, kept.texts, initializer)
    return TrainedModel(spec.model_copy(update={"card": card, "measured": measured}), kept, values)


def score_labelled_texts(spec: ModelSpec, folder: Path, data: LabelledTexts) -> Float32:
    """What the model says of these rows, float32 [rows, labels], by the engine that will serve it."""
    scorer = open_scorer(spec, folder)
    scorer.load()
    try:
        return score(scorer, data.texts)
    finally:
        scorer.unload()

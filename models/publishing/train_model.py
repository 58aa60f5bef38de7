"""Training a model of any kind, and measuring it on held-out rows with its own scorer."""

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
    """A model that is ready to be published, and its scores of the held-out rows."""

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

    About a share of `held_out` of the rows, chosen by their texts, is measured on and not learned
    from. The process of the trial calls `initializer` first.

    Raises UnknownKind, OptionNotSupported, BadLabels, MissingPackage, TrialFailed, and what the
    kind raises.
    """
    check_options(kind, options.over_length)
    learned, measured_on = split(data, held_out)
    check_learnable(learned)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chorus-") as fresh:
        find_kind(kind).fit(learned, Path(fresh), options)
        seconds = time.monotonic() - started
        spec = import_model(
            kind, Path(fresh), folder, target, data.labels, options.max_tokens, options.over_length
        )
    checks = find_kind(kind).check_precisions(spec, folder, learned.texts, measured_on.texts)
    spec = spec.model_copy(update={"precisions": checks})
    values = score_labelled_texts(spec, folder, measured_on)
    card = ModelCard(
        data=description,
        rows_trained=min(len(learned), options.max_rows or len(learned)),
        rows_held_out=len(measured_on),
        metrics=compute_metrics(values, measured_on.truth, measured_on.mode),
        seconds=round(seconds, 1),
    )
    measured = measure_model(spec, folder, measured_on.texts, initializer)
    return TrainedModel(
        spec.model_copy(update={"card": card, "measured": measured}), measured_on, values
    )


def score_labelled_texts(spec: ModelSpec, folder: Path, data: LabelledTexts) -> Float32:
    """Score the texts with the model in a folder: float32 [rows, labels]."""
    scorer = open_scorer(spec, folder)
    scorer.load()
    try:
        return score(scorer, data.texts)
    finally:
        scorer.unload()

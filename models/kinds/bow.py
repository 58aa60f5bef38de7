"""The kind `bow`: a bag of words in scikit-learn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.bow import train
from models.bow.import_pipeline import import_pipeline
from models.bow.mlflow import pipeline_file
from models.bow.sklearn_scorer import BowScorer
from models.guards.code_guard import SAVE_AS_SKOPS
from models.interface.compute import Compute
from models.interface.import_result import ImportResult
from models.interface.kind import Kind
from models.interface.manifest import ModelSpec
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts


class BowKind(Kind):
    """TF-IDF and logistic regression in one scikit-learn pipeline, saved with skops."""

    summary = "TF-IDF of words and characters, logistic regression."
    recognised_by = "a .skops file"
    mlflow_flavor = "sklearn"
    instead_of_pickle = SAVE_AS_SKOPS
    max_threads = 1

    def open_scorer(self, spec: ModelSpec, folder: Path, compute: Compute) -> BowScorer:  # noqa: ARG002 — it uses one core and compiles nothing
        return BowScorer(spec, folder)

    def fit(self, data: LabelledTexts, folder: Path, options: TrainingOptions) -> None:  # noqa: ARG002 — no option is for this kind
        train.fit(data, folder)

    def recognises(self, source: Path) -> bool:
        return source.suffix == ".skops" or any(source.glob("*.skops"))

    def import_files(self, source: Path, folder: Path, max_tokens: int | None) -> ImportResult:  # noqa: ARG002 — it reads a text to its end
        return import_pipeline(source, folder)

    def mlflow_files(self, source: Path, flavor: Mapping[str, Any]) -> list[Path]:
        return [pipeline_file(source, flavor)]

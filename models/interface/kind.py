"""The base class of the kinds of model: what a kind can do, and how to train, publish and score.

The rest of Chorus asks the kind, and never compares its name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from models.interface.compute import Compute
from models.interface.import_result import ImportResult
from models.interface.manifest import ModelSpec
from models.interface.precision import PrecisionCheck
from models.interface.scorer import Scorer
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts


class Kind(ABC):
    """One kind of model, listed in models.kinds.table.

    Its module imports model libraries such as torch inside functions, because processes that only
    plan import the module too.
    """

    summary: ClassVar[str]  # one line for help texts
    recognised_by: ClassVar[str]  # what a file or folder to publish must be or contain
    mlflow_flavor: ClassVar[str | None] = None  # MLflow's name for such a model
    instead_of_pickle: ClassVar[str | None] = None  # how to save such a model without a pickle
    reads_tokens: ClassVar[bool] = False  # whether max_tokens and over_length apply
    uses_gpu: ClassVar[bool] = False
    max_threads: ClassVar[int | None] = None  # that scoring can use; None: as many as there are

    @abstractmethod
    def open_scorer(self, spec: ModelSpec, folder: Path, compute: Compute) -> Scorer[Any, Any]:
        """Return a scorer that is not loaded yet. Only its load() reads `folder`.

        Where the kind uses a GPU, `compute.device` is one that exists, never `auto`.
        """

    @abstractmethod
    def fit(self, data: LabelledTexts, folder: Path, options: TrainingOptions) -> None:
        """Learn from the rows and write into `folder` a model that import_files accepts."""

    @abstractmethod
    def recognises(self, source: Path) -> bool:
        """Return whether this file or folder, which exists, holds a model of this kind."""

    @abstractmethod
    def import_files(self, source: Path, folder: Path, max_tokens: int | None) -> ImportResult:
        """Check the files of a model and write what a version consists of into an empty folder.

        Raises NotAModel.
        """

    def mlflow_files(self, source: Path, flavor: Mapping[str, Any]) -> list[Path]:
        """Return the files to import from a folder that MLflow saved.

        `flavor` has the settings of `mlflow_flavor` in its MLmodel file. Raises NotAModel.
        """
        raise NotImplementedError

    def check_precisions(
        self,
        spec: ModelSpec,  # noqa: ARG002 — nothing to check
        folder: Path,  # noqa: ARG002
        learned: pa.StringArray,  # noqa: ARG002
        held_out: pa.StringArray,  # noqa: ARG002
    ) -> tuple[PrecisionCheck, ...]:
        """Compare lower precisions with float32, and add to `folder` what the good ones need."""
        return ()

    def count_tokens(self, spec: ModelSpec, folder: Path, texts: pa.StringArray) -> int | None:  # noqa: ARG002 — reads none
        """Return how many tokens the model reads of these texts; None for kinds without tokens."""
        return None

"""The kinds of model there are. A new kind is its modules and one line here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from models.interface.compute import Compute
from models.interface.device import CPU, choose, gather
from models.interface.import_result import Adopted
from models.interface.manifest import ModelSpec
from models.interface.precision import PrecisionCheck
from models.interface.recipe import Recipe
from models.interface.scorer import Scorer
from models.interface.training_set import Labelled
from storage.errors import BadRequest


@dataclass(frozen=True)
class Kind:
    """The modules of one kind (one module may be all three), imported when they are needed and not
    before.
    """

    scoring: str  # has open_scorer(spec, folder, compute) -> Scorer
    training: str  # has fit(data, folder, recipe), which writes what adopt takes over
    # has adopt(source, folder, max_tokens) -> Adopted, which fills the folder that is published
    publishing: str
    gpu: str | None = None  # what `scoring` is on a GPU; None: the kind has no use for one
    most_threads: int | None = None  # that scoring can use
    precisions: str | None = None  # has check_precisions, see models.transformer.quantize


KINDS = {
    "bow": Kind(
        "models.bow.sklearn_scorer", "models.bow.train", "models.bow.train", most_threads=1
    ),
    "transformer": Kind(
        "models.transformer.openvino_scorer",
        "models.transformer.train",
        "models.transformer.export",
        gpu="models.gpu.torch_scorer",
        precisions="models.transformer.quantize",
    ),
}


class UnknownKind(BadRequest):
    """A kind of model that this installation does not have."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(
            f"There is no kind of model {kind!r}. The kinds are: {', '.join(sorted(KINDS))}."
        )


def find(kind: str) -> Kind:
    """Raises UnknownKind."""
    try:
        return KINDS[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def open_scorer(spec: ModelSpec, folder: Path, compute: Compute | None = None) -> Scorer[Any, Any]:
    """The scorer of a model (a manifest is a spec too), not loaded yet.

    `folder` holds the verified artifacts and is read by load() alone. Raises UnknownKind, NoGpu.
    """
    kind, compute = find(spec.kind), compute or Compute()
    if kind.gpu is not None:
        compute = replace(compute, device=choose(compute.device, gather()))
    scoring = kind.scoring if kind.gpu is None or compute.device == CPU else kind.gpu
    return cast(Scorer[Any, Any], import_module(scoring).open_scorer(spec, folder, compute))


def fit(kind: str, data: Labelled, folder: Path, recipe: Recipe) -> None:
    """Learn from the rows and write a model of this kind into the folder, in the form that `adopt`
    takes over.
    """
    cast(Callable[..., None], import_module(find(kind).training).fit)(data, folder, recipe)


def adopt(kind: str, source: Path, folder: Path, max_tokens: int | None) -> Adopted:
    """Check the files of a model and complete them in an empty folder, ready to be published."""
    return cast(Callable[..., Adopted], import_module(find(kind).publishing).adopt)(
        source, folder, max_tokens
    )


def check_precisions(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> tuple[PrecisionCheck, ...]:
    """Try what this kind can also be computed in, and complete the folder with what passed."""
    module = find(spec.kind).precisions
    if module is None:
        return ()
    return cast(
        tuple[PrecisionCheck, ...],
        import_module(module).check_precisions(spec, folder, learned, held_out),
    )

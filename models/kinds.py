"""The kinds of model there are. A new kind is its modules and one line here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from models.adopted import Adopted
from models.compute import Compute
from models.device import CPU, choose, gather
from models.labelled import Labelled
from models.manifest import ModelSpec
from models.precision import PrecisionCheck
from models.recipe import Recipe
from models.scorer import Scorer
from storage.errors import BadRequest


@dataclass(frozen=True)
class Kind:
    """The modules of one kind (one module may be all three), imported when they are needed and not before."""

    scoring: str  # has open_scorer(spec, folder, compute) -> Scorer
    training: str  # has fit(data, folder, recipe), which writes what adopt takes over
    publishing: str  # has adopt(source, folder, max_tokens) -> Adopted, which fills the folder that is published
    gpu: str | None = None  # what `scoring` is on a GPU; None: the kind has no use for one
    most_threads: int | None = None  # that scoring can use
    precisions: str | None = None  # has check_precisions, see models.quantize


KINDS = {
    "bow": Kind("models.bow", "models.train_bow", "models.train_bow", most_threads=1),
    "transformer": Kind(
        "models.transformer_openvino",
        "models.train_transformer",
        "models.publish_transformer",
        gpu="models.transformer_torch",
        precisions="models.quantize",
    ),
}


class UnknownKind(BadRequest):
    """A kind of model that this installation does not have."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"There is no kind of model {kind!r}. The kinds are: {', '.join(sorted(KINDS))}.")


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
    """Learn from the rows and write a model of this kind into the folder, in the form that `adopt` takes over."""
    cast(Callable[..., None], import_module(find(kind).training).fit)(data, folder, recipe)


def adopt(kind: str, source: Path, folder: Path, max_tokens: int | None) -> Adopted:
    """Check the files of a model and complete them in an empty folder, ready to be published."""
    return cast(Callable[..., Adopted], import_module(find(kind).publishing).adopt)(source, folder, max_tokens)


def check_precisions(
    spec: ModelSpec, folder: Path, learned: pa.StringArray, held_out: pa.StringArray
) -> tuple[PrecisionCheck, ...]:
    """Try what this kind can also be computed in, and complete the folder with what passed."""
    module = find(spec.kind).precisions
    if module is None:
        return ()
    return cast(tuple[PrecisionCheck, ...], import_module(module).check_precisions(spec, folder, learned, held_out))

"""The kinds of model there are. A new kind is its modules and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from models.adopted import Adopted
from models.device import CPU, choose, gather
from models.labelled import Labelled
from models.manifest import ModelSpec
from models.recipe import Recipe
from models.scorer import Scorer
from storage.errors import BadRequest


@dataclass(frozen=True)
class Kind:
    """The modules of one kind (one module may be all three), imported when they are needed and not before."""

    scoring: str  # has open_scorer(spec, folder, threads, cache) -> Scorer
    training: str  # has fit(data, folder, recipe), which writes what adopt takes over
    publishing: str  # has adopt(source, folder, max_tokens) -> Adopted, which fills the folder that is published
    gpu: str | None = None  # has open_scorer(spec, folder, threads, cache, device), for devices other than the CPU


KINDS = {
    "bow": Kind("models.bow", "models.train_bow", "models.train_bow"),
    "transformer": Kind(
        "models.transformer_openvino",
        "models.train_transformer",
        "models.publish_transformer",
        gpu="models.transformer_torch",
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


def open_scorer(
    spec: ModelSpec, folder: Path, threads: int | None = None, cache: Path | None = None, device: str = CPU
) -> Scorer[Any, Any]:
    """The scorer of a model (a manifest is a spec too), not loaded yet.

    `folder` holds the verified artifacts and is read by load() alone; `threads` is the most it may compute with
    (None: all cores); `cache` a folder for compiled networks, which makes the next start faster;
    `device` where it computes, see models.device (a kind that has no use for a GPU does not look). Raises UnknownKind,
    NoGpu.
    """
    kind = find(spec.kind)
    if kind.gpu is not None and device != CPU and (chosen := choose(device, gather())) != CPU:
        return cast(Scorer[Any, Any], import_module(kind.gpu).open_scorer(spec, folder, threads, cache, chosen))
    module = import_module(kind.scoring)
    return cast(Scorer[Any, Any], module.open_scorer(spec, folder, threads, cache))


def fit(kind: str, data: Labelled, folder: Path, recipe: Recipe) -> None:
    """Learn from the rows and write a model of this kind into the folder, in the form that `adopt` takes over."""
    cast(Callable[..., None], import_module(find(kind).training).fit)(data, folder, recipe)


def adopt(kind: str, source: Path, folder: Path, max_tokens: int | None) -> Adopted:
    """Check the files of a model and complete them in an empty folder, ready to be published."""
    return cast(Callable[..., Adopted], import_module(find(kind).publishing).adopt)(source, folder, max_tokens)

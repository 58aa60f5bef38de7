"""The table of the kinds of model, and how to find a kind in it.

A new kind is one module, with a subclass of models.interface.kind.Kind, and one line here.
"""

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from models.interface.compute import Compute
from models.interface.device import choose_device, gather_gpu_facts
from models.interface.kind import Kind
from models.interface.manifest import ModelSpec
from models.interface.scorer import Scorer
from storage.errors import BadRequest

# name → module:class, imported when the kind is needed. A source that several kinds recognise is
# published as the first of them.
KINDS = {
    "transformer": "models.kinds.transformer:TransformerKind",
    "bow": "models.kinds.bow:BowKind",
}


class UnknownKind(BadRequest):
    """A kind of model that this installation does not have."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(
            f"There is no kind of model {kind!r}. The kinds are: {', '.join(sorted(KINDS))}."
        )


def find_kind(name: str) -> Kind:
    """Return the kind of this name. Raises UnknownKind."""
    if name not in KINDS:
        raise UnknownKind(name)
    kind: Kind = resolve_name(KINDS[name])()
    return kind


def all_kinds() -> dict[str, Kind]:
    """Return every kind by its name, in the order of the table."""
    return {name: find_kind(name) for name in KINDS}


def open_scorer(spec: ModelSpec, folder: Path, compute: Compute | None = None) -> Scorer[Any, Any]:
    """Return the scorer of a model (a manifest is a spec too), not loaded yet.

    `folder` holds the verified artifacts; only load() reads it. Raises UnknownKind, NoGpu.
    """
    kind, compute = find_kind(spec.kind), compute or Compute()
    if kind.uses_gpu:
        compute = replace(compute, device=choose_device(compute.device, gather_gpu_facts()))
    return kind.open_scorer(spec, folder, compute)

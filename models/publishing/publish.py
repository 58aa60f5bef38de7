"""Publishing a model that was trained elsewhere, or just now."""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from models.interface.import_result import NotAModel
from models.interface.manifest import ModelCard, ModelManifest, ModelSpec, ModelTarget, OverLength
from models.interface.training_set import held_out_rows
from models.kinds.table import find_kind
from models.publishing.kept_answers import check_answers_kept
from models.publishing.model_source import open_source
from models.publishing.registry import ModelRegistry
from models.publishing.trial import measure_model
from storage.errors import BadRequest


class LabelsMismatch(BadRequest):
    """Given labels that are not the model's, or no labels at all."""

    def __init__(
        self, source: Path, given: tuple[str, ...] | None, named: tuple[str, ...] | None
    ) -> None:
        self.source, self.given, self.named = source, given, named
        super().__init__(
            f"{source} names the labels {', '.join(named)}, not {', '.join(given or ())}. "
            "Give the same labels, or none."
            if named
            else f"{source} does not name its labels. "
            "Give them, in the order of the model's outputs."
        )


class OptionNotSupported(BadRequest):
    """Options that this kind of model cannot follow."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(
            f"A {kind} reads every text to its end. "
            "Leave out a limit of tokens, and a rule for long texts."
        )


def publish_from(
    registry: ModelRegistry,
    name: str,
    source: Path,
    target: str,
    published_at: datetime,
    labels: tuple[str, ...] | None = None,
    max_tokens: int | None = None,
    over_length: OverLength = "truncate",
    texts: pa.StringArray | None = None,
    initializer: Callable[[], None] | None = None,
    *,
    new_labels: bool = False,
) -> ModelManifest:
    """Publish a file or folder that one of the kinds recognises, or a folder that MLflow saved.

    `texts` are examples of what the model will read. Its speed is measured on them; lower
    precisions are made with about half of them and checked on the others, and not offered without
    texts. Pickles are not read, and no code that comes with a model is run. The process of the
    trial calls `initializer` first. `new_labels`: it may answer otherwise than earlier versions.

    Raises NotAModel, ContainsCode, OptionNotSupported, LabelsMismatch, OtherAnswers,
    UntrustedTypes, MissingPackage, TrialFailed, BadName.
    """
    with (
        open_source(source) as (kind, files),
        tempfile.TemporaryDirectory(prefix="chorus-") as folder,
    ):
        check_options(kind, over_length, max_tokens)
        spec = import_model(kind, files, Path(folder), target, labels, max_tokens, over_length)
        if not new_labels:
            check_answers_kept(registry, name, spec.target, spec.labels)
        if texts is not None:
            held_out = held_out_rows(texts, 0.5)
            halves = [texts.filter(pa.array(half)) for half in (~held_out, held_out)]
            checks = find_kind(kind).check_precisions(spec, Path(folder), *halves)
            spec = spec.model_copy(update={"precisions": checks})
        spec = spec.model_copy(
            update={"measured": measure_model(spec, Path(folder), texts, initializer)}
        )
        return registry.publish(name, Path(folder), spec, published_at)


def check_options(kind: str, over_length: OverLength, max_tokens: int | None = None) -> None:
    """Refuse options about tokens for a kind that reads none.

    Raises UnknownKind, OptionNotSupported.
    """
    if not find_kind(kind).reads_tokens and (max_tokens or over_length != "truncate"):
        raise OptionNotSupported(kind)


def import_model(
    kind: str,
    source: Path,
    folder: Path,
    target: str,
    labels: tuple[str, ...] | None,
    max_tokens: int | None,
    over_length: OverLength,
) -> ModelSpec:
    """Check and complete the model's files in an empty folder, ready for ModelRegistry.publish.

    Raises NotAModel, LabelsMismatch, and what the kind raises.
    """
    imported = find_kind(kind).import_files(source, folder, max_tokens)
    chosen = labels or imported.labels
    if chosen is None or (imported.labels and imported.labels != chosen):
        raise LabelsMismatch(source, labels, imported.labels)
    if len(chosen) != imported.outputs:
        raise NotAModel(
            source,
            f"it answers with {imported.outputs} values, and {len(chosen)} labels were given",
        )
    return ModelSpec(
        kind=kind,
        target=ModelTarget(name=target, mode=imported.mode),
        labels=chosen,
        max_tokens=imported.max_tokens,
        over_length=over_length,
        card=ModelCard(data=f"published from {source.name}"),
    )

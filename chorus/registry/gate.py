"""The promotion gate: what chorus.toml asks of a version before it becomes champion."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chorus.common.settings import Settings
from chorus.compare.local_scoring import open_local_scorer
from chorus.compare.model_versions import diff_versions
from chorus.compare.stored_feedback import newest_chunks
from models.interface.manifest import ModelManifest
from models.interface.training_set import LabelledTexts
from models.publishing.metrics import compute_metrics
from models.publishing.registry import ModelRegistry
from models.publishing.training_file import BadLabelledFile, read_labelled_texts
from storage.errors import BadRequest
from storage.places.place import Absent, Place
from storage.versions.version_store import CHAMPION
from workers.config.gate_file import read_gates

_TEXTS = 4096  # scored at once


@dataclass(frozen=True)
class GateFinding:
    """One figure, with what is allowed."""

    measured: str
    allowed: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.measured}; allowed is {self.allowed}"


class IncompatibleVersion(BadRequest):
    """A version that does not answer what the champion answers: no ensemble that uses the model
    would work with it.
    """

    def __init__(self, champion: ModelManifest, candidate: ModelManifest) -> None:
        self.champion, self.candidate = champion, candidate
        said = (
            f"version {one.version} answers {one.target.name} ({one.target.mode}: {', '.join(one.labels)})"
            for one in (champion, candidate)
        )
        super().__init__(
            f"The versions of {candidate.name} do not answer the same: {'; '.join(said)}. It was not promoted, because "
            "ensembles count on the answers of the champion. --force promotes it all the same."
        )


class GateFailed(BadRequest):
    """A version that is not what chorus.toml asks for; the champion stays."""

    def __init__(self, model: str, version: int, findings: list[GateFinding]) -> None:
        self.model, self.version, self.findings = model, version, findings
        shown = "\n".join(
            f"  {'ok ' if finding.passed else 'BAD'} {finding}" for finding in findings
        )
        super().__init__(
            f"{model} version {version} does not pass the gate of chorus.toml and was not promoted:\n{shown}\n"
            f"`chorus diff {model} {model}@{version}` shows what changes. --force promotes it all the same."
        )


def check_gate(settings: Settings, place: Place, model: str, version: int) -> list[GateFinding]:
    """What was measured of a version that is to become champion; nothing if no gate is set for the
    model.

    Raises AnotherQuestion, GateClosed, NotPublished, BadChorusToml, and what keeps a version from
    being compared.
    """
    gate, registry = read_gates(place).of(model), ModelRegistry(place)
    candidate = registry.resolve(model, version)
    champion = registry.aliases(model).get(CHAMPION)
    before = registry.manifest(model, champion) if champion in registry.versions(model) else None
    if before is not None and not _answer_alike(before, candidate):
        raise IncompatibleVersion(before, candidate)
    findings = []
    if gate.most_flips is not None and before is not None and champion != version:
        findings.append(_flips(settings, place, before, candidate, gate.rows, gate.most_flips))
    if gate.least_macro_f1 is not None and gate.labelled is not None:
        data = _labelled(place, gate.labelled, candidate)
        findings.append(
            _macro_f1(settings, place, candidate, data, gate.labelled, gate.least_macro_f1)
        )
    if not all(finding.passed for finding in findings):
        raise GateFailed(model, version, findings)
    return findings


def _answer_alike(one: ModelManifest, other: ModelManifest) -> bool:
    """Labels may come and go where any number of them can hold."""
    same = one.target.mode == "any_of" or set(one.labels) == set(other.labels)
    return one.target == other.target and same


def _flips(
    settings: Settings,
    place: Place,
    champion: ModelManifest,
    candidate: ModelManifest,
    rows: int,
    most: float,
) -> GateFinding:
    """Of the newest stored feedback; what one of the two cannot score counts as changed. Without
    any, nothing flips.
    """
    chunks = newest_chunks(place, candidate.name, rows)
    found = diff_versions(settings, place, champion, candidate, chunks, max_moved=0)
    compared = [found.overall(target) for target in found.targets]  # one, or none
    looked_at = found.rejected + sum(one.rows for one in compared)
    changed = found.rejected + sum(one.changed for one in compared)
    share = changed / looked_at if looked_at else 0.0
    measured = f"against version {champion.version}, the champion, {share:.2%} of {looked_at:,} rows change their label"
    return GateFinding(measured, f"{most:.2%} at most", share <= most)


def _labelled(place: Place, name: str, candidate: ModelManifest) -> LabelledTexts:
    """Raises BadLabelledFile, BadLabels."""
    mode, labels = candidate.target.mode, candidate.labels
    if Path(name).is_absolute():
        return read_labelled_texts(Path(name), "text", "labels", mode, labels)
    try:
        with place.local_file(name) as file:
            return read_labelled_texts(file, "text", "labels", mode, labels)
    except Absent:
        raise BadLabelledFile(Path(name), f"it is not in {place.url}.") from None


def _macro_f1(
    settings: Settings,
    place: Place,
    candidate: ModelManifest,
    data: LabelledTexts,
    name: str,
    least: float,
) -> GateFinding:
    """Of all rows; those that the model cannot score are wrong."""
    with open_local_scorer(settings, place, candidate) as here:
        pieces = [
            here.score(data.texts.slice(at, _TEXTS)).values for at in range(0, len(data), _TEXTS)
        ]
    found = compute_metrics(np.concatenate(pieces), data.truth, candidate.target.mode)["macro_f1"]
    return GateFinding(
        f"macro-F1 on {len(data):,} rows of {name} is {found:.4f}",
        f"{least} at least",
        found >= least,
    )

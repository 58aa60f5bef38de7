"""Promotion gate: conditions in chorus.toml that a version must meet to become champion."""

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

_BATCH_TEXTS = 4096  # scored at once


@dataclass(frozen=True)
class GateFinding:
    """Measured figure of a version, and the allowed limit."""

    measured: str
    allowed: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.measured}; allowed is {self.allowed}"


class IncompatibleVersion(BadRequest):
    """A version that answers other targets or labels than the champion.

    No ensemble that uses the model would work with it.
    """

    def __init__(self, champion: ModelManifest, candidate: ModelManifest) -> None:
        self.champion, self.candidate = champion, candidate
        answers = (
            f"version {manifest.version} answers {manifest.target.name} "
            f"({manifest.target.mode}: {', '.join(manifest.labels)})"
            for manifest in (champion, candidate)
        )
        super().__init__(
            f"The versions of {candidate.name} do not answer the same: {'; '.join(answers)}. "
            f"Version {candidate.version} was not promoted, because ensembles rely on the answers "
            "of the champion. --force promotes it all the same."
        )


class GateFailed(BadRequest):
    """A version that does not meet the conditions in chorus.toml; the champion stays."""

    def __init__(self, model: str, version: int, findings: list[GateFinding]) -> None:
        self.model, self.version, self.findings = model, version, findings
        lines = "\n".join(
            f"  {'ok ' if finding.passed else 'BAD'} {finding}" for finding in findings
        )
        super().__init__(
            f"{model} version {version} does not pass the gate of chorus.toml and was not "
            f"promoted:\n{lines}\n`chorus diff {model} {model}@{version}` shows what changes. "
            "--force promotes it all the same."
        )


def check_gate(settings: Settings, place: Place, model: str, version: int) -> list[GateFinding]:
    """Check a version that is to become champion. Return what was measured.

    The list is empty if no gate is set for the model.

    Raises IncompatibleVersion, GateFailed, NotPublished, BadChorusToml, BadLabelledFile, BadLabels,
    and what diff_versions raises.
    """
    gate, registry = read_gates(place).for_model(model), ModelRegistry(place)
    candidate = registry.resolve(model, version)
    champion = registry.aliases(model).get(CHAMPION)
    before = registry.manifest(model, champion) if champion in registry.versions(model) else None
    if before is not None and not _is_compatible(before, candidate):
        raise IncompatibleVersion(before, candidate)
    findings = []
    if gate.most_flips is not None and before is not None and champion != version:
        findings.append(
            _measure_flips(settings, place, before, candidate, gate.rows, gate.most_flips)
        )
    if gate.least_macro_f1 is not None and gate.labelled is not None:
        data = _read_labelled(place, gate.labelled, candidate)
        findings.append(
            _measure_macro_f1(settings, place, candidate, data, gate.labelled, gate.least_macro_f1)
        )
    if not all(finding.passed for finding in findings):
        raise GateFailed(model, version, findings)
    return findings


def _is_compatible(champion: ModelManifest, candidate: ModelManifest) -> bool:
    """Tell whether both answer the same target with the same labels. Those of any_of may differ."""
    same_labels = set(champion.labels) == set(candidate.labels)
    return champion.target == candidate.target and (champion.target.mode == "any_of" or same_labels)


def _measure_flips(
    settings: Settings,
    place: Place,
    champion: ModelManifest,
    candidate: ModelManifest,
    rows: int,
    max_share: float,
) -> GateFinding:
    """Measure the share of newest stored rows whose label changes.

    Rows that one of the two cannot score count as changed. Without stored feedback the share is 0.
    """
    chunks = newest_chunks(place, candidate.name, rows)
    difference = diff_versions(settings, place, champion, candidate, chunks, max_moved=0)
    comparisons = [difference.overall(target) for target in difference.targets]  # one, or none
    compared = difference.rejected + sum(comparison.rows for comparison in comparisons)
    changed = difference.rejected + sum(comparison.changed for comparison in comparisons)
    share = changed / compared if compared else 0.0
    measured = (
        f"against version {champion.version}, the champion, {share:.2%} of {compared:,} rows "
        "change their label"
    )
    return GateFinding(measured, f"{max_share:.2%} at most", share <= max_share)


def _read_labelled(place: Place, name: str, candidate: ModelManifest) -> LabelledTexts:
    """Read the labelled file of a gate. Raises BadLabelledFile, BadLabels."""
    mode, labels = candidate.target.mode, candidate.labels
    if Path(name).is_absolute():
        return read_labelled_texts(Path(name), "text", "labels", mode, labels)
    try:
        with place.local_file(name) as file:
            return read_labelled_texts(file, "text", "labels", mode, labels)
    except Absent:
        raise BadLabelledFile(Path(name), f"it is not in {place.url}.") from None


def _measure_macro_f1(
    settings: Settings,
    place: Place,
    candidate: ModelManifest,
    data: LabelledTexts,
    name: str,
    min_macro_f1: float,
) -> GateFinding:
    """Measure macro-F1 over all rows; rows that the model cannot score count as wrong."""
    with open_local_scorer(settings, place, candidate) as scorer:
        values = [
            scorer.score(data.texts.slice(start, _BATCH_TEXTS)).values
            for start in range(0, len(data), _BATCH_TEXTS)
        ]
    metrics = compute_metrics(np.concatenate(values), data.truth, candidate.target.mode)
    macro_f1 = metrics["macro_f1"]
    return GateFinding(
        f"macro-F1 on {len(data):,} rows of {name} is {macro_f1:.4f}",
        f"{min_macro_f1} at least",
        macro_f1 >= min_macro_f1,
    )

"""Promotion gate: conditions in chorus.toml that a version must meet to become champion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chorus.common.settings import Settings
from chorus.compare.local_scoring import open_local_scorer
from chorus.compare.model_versions import diff_versions
from chorus.compare.stored_feedback import StoredChunk
from chorus.registry.gate_inputs import read_gate_inputs
from ensemble.common_labels import common_labels
from models.interface.manifest import ModelManifest
from models.interface.training_set import LabelledTexts
from models.publishing.kept_answers import describe_answers
from models.publishing.metrics import compute_metrics
from models.publishing.registry import ModelRegistry
from storage.config.config_file import BadConfigFile
from storage.errors import BadRequest
from storage.places.place import Place
from storage.versions.version_store import CHAMPION
from workers.config.all_tables import read_chorus_config

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
            f"version {manifest.version} answers "
            f"{describe_answers(manifest.target, manifest.labels)}"
            for manifest in (champion, candidate)
        )
        super().__init__(
            f"The versions of {candidate.name} do not answer the same: {'; '.join(answers)}. "
            f"Version {candidate.version} was not promoted, because ensembles rely on the answers "
            "of the champion. --force promotes it all the same."
        )


class GateNotCheckable(BadRequest):
    """A mistake in the files that a gate rests on, or nothing to measure it on."""

    def __init__(self, model: str, version: int, mistake: BadConfigFile) -> None:
        self.model, self.version, self.mistake = model, version, mistake
        super().__init__(
            f"{mistake}\n{model} version {version} was not promoted. --force promotes it all the "
            "same."
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

    Raises IncompatibleVersion, GateNotCheckable, GateFailed, NotPublished, and what diff_versions
    raises.
    """
    registry = ModelRegistry(place)
    candidate = registry.resolve(model, version)
    champion = registry.aliases(model).get(CHAMPION)
    before = registry.manifest(model, champion) if champion in registry.versions(model) else None
    if before is not None and not _is_compatible(before, candidate):
        raise IncompatibleVersion(before, candidate)
    count_flips = before is not None and champion != version
    try:
        gates = read_chorus_config(place).gates
        inputs = read_gate_inputs(place, gates, candidate, count_flips=count_flips)
    except BadConfigFile as error:
        raise GateNotCheckable(model, version, error) from None
    gate, findings = gates.for_model(model), []
    if gate.most_flips is not None and before is not None and count_flips:
        findings.append(
            _measure_flips(settings, place, before, candidate, inputs.chunks, gate.most_flips)
        )
    if gate.least_macro_f1 is not None and inputs.labelled is not None:
        findings.append(
            _measure_macro_f1(
                settings, place, candidate, inputs.labelled, gate.labelled, gate.least_macro_f1
            )
        )
    if not all(finding.passed for finding in findings):
        raise GateFailed(model, version, findings)
    return findings


def _is_compatible(champion: ModelManifest, candidate: ModelManifest) -> bool:
    """Tell whether both answer the same target with labels that can be compared."""
    return champion.target == candidate.target and bool(
        common_labels(champion.target.mode, champion.labels, candidate.labels)
    )


def _measure_flips(
    settings: Settings,
    place: Place,
    champion: ModelManifest,
    candidate: ModelManifest,
    chunks: Sequence[StoredChunk],
    max_share: float,
) -> GateFinding:
    """Measure the share of the rows of these chunks whose label changes.

    Rows that one of the two cannot score count as changed.
    """
    difference = diff_versions(settings, place, champion, candidate, chunks, max_moved=0)
    comparisons = [difference.overall(target) for target in difference.targets]  # one, or none
    compared = difference.rejected + sum(comparison.rows for comparison in comparisons)
    changed = difference.rejected + sum(comparison.changed for comparison in comparisons)
    share = changed / compared if compared else 0.0
    measured = (
        f"against version {champion.version}, the champion, {share:.2%} of {compared:,} rows "
        "change their label"
    )
    for target, labels in difference.unshared_labels.items():
        measured += (
            f" (without the labels of {target} that one alone has: {', '.join(sorted(labels))})"
        )
    return GateFinding(measured, f"{max_share:.2%} at most", share <= max_share)


def _measure_macro_f1(
    settings: Settings,
    place: Place,
    candidate: ModelManifest,
    data: LabelledTexts,
    name: str | None,
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

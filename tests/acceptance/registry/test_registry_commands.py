"""Promotion, rollback and removal of versions from the command line."""

import shutil
from datetime import UTC, datetime

from ensemble.spec import EnsembleRegistry
from models.interface.manifest import ModelSpec
from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def publish_again(home, name):
    """Publish the files of version 1 as the next version."""
    registry = ModelRegistry(LocalPlace(home))
    first = registry.manifest(name, 1)
    spec = ModelSpec(**{field: getattr(first, field) for field in ModelSpec.model_fields})
    (home / "made").mkdir()
    with registry.verified(first) as folder:
        for artifact in first.artifacts:
            shutil.copyfile(folder / artifact.file, home / "made" / artifact.file)
    registry.publish(name, home / "made", spec, NOW)


def test_a_model_version_is_promoted_rolled_back_and_removed(chorus, home):
    publish_again(home, "mood-bow")
    assert (
        chorus.here("models", "promote", "mood-bow", "2").out
        == "mood-bow: champion is now version 2\n"
    )
    assert chorus.here("models", "promote", "mood-bow", "1", "--alias", "challenger").status == 0
    assert "challenger 1, champion 2" in chorus.here("models", "list").out
    refused = chorus.here("models", "remove", "mood-bow", "2")
    assert refused.status == 2
    assert "alias champion" in refused.err
    assert (
        chorus.here("models", "rollback", "mood-bow").out
        == "mood-bow: champion is back at version 1\n"
    )
    impossible = chorus.here("models", "rollback", "mood-bow")
    assert impossible.status == 2
    assert "champion is at version 1" in impossible.err
    moves = chorus.here("models", "history", "mood-bow", "--json").json["moves"]
    assert [(move["alias"], move["version"], move["by"]) for move in moves] == [
        ("champion", 1, "rollback"),
        ("challenger", 1, "promote"),
        ("champion", 2, "promote"),
        ("champion", 1, "publish"),
    ]
    assert chorus.here("models", "remove", "mood-bow", "2").status == 0
    assert chorus.here("models", "show", "mood-bow", "--version", "2").status == 2


def test_an_ensemble_version_is_promoted_rolled_back_and_removed(chorus, home):
    registry = EnsembleRegistry(LocalPlace(home))
    registry.publish("plain", registry.read("acme", 1), NOW)
    assert chorus.here("ensembles", "promote", "plain", "2").status == 0
    assert (
        chorus.here("ensembles", "rollback", "plain").out
        == "plain: champion is back at version 1\n"
    )
    assert "alias champion" in chorus.here("ensembles", "remove", "plain", "1").err
    assert chorus.here("ensembles", "remove", "plain", "1", "--force").status == 0
    listed = {
        ensemble["ensemble"]: ensemble
        for ensemble in chorus.here("ensembles", "list", "--json").json["ensembles"]
    }
    assert listed["plain"]["members"] == listed["acme"]["members"], (
        "without a champion its newest version is listed"
    )

"""The manifest of a model version, and the digest of what decides its scores."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from models.interface.manifest import Artifact, ModelCard, ModelManifest, ModelTarget, digest_of
from storage.record import BadRecord
from tests.support.models.models_fixtures import spec

FILES = (
    Artifact(file="a.bin", bytes=1, sha256="a" * 64),
    Artifact(file="b.bin", bytes=2, sha256="b" * 64),
)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "transformer"},
        {"target": ModelTarget(name="other", mode="one_of")},
        {"target": ModelTarget(name="mood", mode="any_of")},
        {"labels": ("good", "bad")},
        {"max_tokens": 128},
    ],
)
def test_the_digest_changes_with_all_that_decides_the_scores(changes):
    assert digest_of(spec().model_copy(update=changes), FILES) != digest_of(spec(), FILES)


def test_the_digest_changes_with_an_artifacts_content_and_name():
    for changes in ({"sha256": "c" * 64}, {"file": "c.bin"}):
        assert digest_of(spec(), (FILES[0], FILES[1].model_copy(update=changes))) != digest_of(
            spec(), FILES
        )


def test_the_digest_does_not_depend_on_the_card_or_the_order_of_the_artifacts():
    other = spec().model_copy(update={"card": ModelCard(data="elsewhere", seconds=3)})
    assert digest_of(other, FILES[::-1]) == digest_of(spec(), FILES)


def test_a_manifest_reads_back_as_it_was_written():
    manifest = ModelManifest(
        **dict(spec()),
        name="mood-bow",
        version=3,
        artifacts=FILES,
        digest=digest_of(spec(), FILES),
        published_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert ModelManifest.decode(manifest.encode(), "here") == manifest


@pytest.mark.parametrize("file", ["../secret", "a/b", "", ".hidden", "/etc/passwd"])
def test_an_artifact_cannot_lie_outside_the_folder_of_its_version(file):
    with pytest.raises(ValidationError):
        Artifact(file=file, bytes=1, sha256="a" * 64)


def test_a_manifest_that_lacks_a_field_names_it():
    with pytest.raises(
        BadRecord, match=r"x/manifest\.json is not a valid model manifest: kind: Field required"
    ):
        ModelManifest.decode(b"{}", "x/manifest.json")

"""A version that something refers to is not removed, unless it is forced."""

from datetime import UTC, datetime

import pytest

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from models.publishing.registry import ModelRegistry
from storage.versions.version_store import NotPublished
from tasks.jobs.references import StillReferenced, references_to_versions, remove_version
from tests.support.models.models_fixtures import spec
from tests.support.runs.steps import store_dataset, store_job

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def models(place, tmp_path):
    """Return the store with a model: 1 is used by a job, 2 by an ensemble, 3 is champion."""
    (tmp_path / "weights").write_bytes(b"w")
    registry = ModelRegistry(place)
    for _ in range(4):
        registry.publish("bow", tmp_path, spec(), NOW)
    registry.store.promote("bow", 3, NOW)
    store_job(place, store_dataset(place, ["good"]), ("bow",))
    members = (Member(model="bow", version=2),)
    EnsembleRegistry(place).publish(
        "pinned", Ensemble(targets=(Target(name="mood", mode="one_of", members=members),)), NOW
    )
    return registry.store


def test_aliases_ensembles_and_jobs_refer_to_versions(place, models):
    references = {
        version[1:]: referrers
        for version, referrers in references_to_versions(place).items()
        if version[0] == models.collection
    }
    assert references == {
        ("bow", 1): ["job job1"],
        ("bow", 2): ["ensemble pinned 1"],
        ("bow", 3): ["alias champion"],
    }
    assert references_to_versions(place)["ensembles", "moods", 1] == ["alias champion", "job job1"]


@pytest.mark.parametrize(
    ("version", "referrers"), [(1, "job job1"), (2, "ensemble pinned 1"), (3, "alias champion")]
)
def test_a_version_in_use_is_removed_only_by_force(models, version, referrers):
    with pytest.raises(StillReferenced, match=f"these refer to it: {referrers}") as caught:
        remove_version(models, "bow", version)
    assert caught.value.references == [referrers]
    assert version in models.versions("bow")
    remove_version(models, "bow", version, force=True)
    assert version not in models.versions("bow")


def test_an_unused_version_is_removed(models):
    remove_version(models, "bow", 4)
    assert models.versions("bow") == [1, 2, 3]
    with pytest.raises(NotPublished):
        remove_version(models, "bow", 9)


@pytest.mark.usefixtures("models")
def test_an_ensemble_version_in_use_is_not_removed_either(place):
    with pytest.raises(StillReferenced, match="job job1"):
        remove_version(EnsembleRegistry(place).store, "moods", 1)
    assert EnsembleRegistry(place).versions("moods") == [1]

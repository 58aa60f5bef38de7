"""A model's name keeps its target and labels."""

from datetime import UTC, datetime

import pytest

from models.interface.manifest import ModelTarget
from models.publishing.kept_answers import OtherAnswers, check_answers_kept
from models.publishing.registry import ModelRegistry
from tests.support.models.placeholder_models import publish_model

MOOD = ModelTarget(name="mood", mode="one_of")


@pytest.fixture
def registry(place):
    publish_model(place, "bow")
    return ModelRegistry(place)


def test_a_new_name_may_answer_anything(registry):
    check_answers_kept(registry, "new", MOOD, ("x", "y"))


def test_the_order_of_the_labels_may_differ(registry):
    check_answers_kept(registry, "bow", MOOD, ("good", "bad"))


@pytest.mark.parametrize(
    ("target", "labels", "expected"),
    [
        (MOOD, ("good", "poor"), r"answer mood \(one_of: good, poor\)"),
        (MOOD, ("bad", "good", "mixed"), r"answer mood \(one_of: bad, good, mixed\)"),
        (ModelTarget(name="mood", mode="any_of"), ("bad", "good"), r"mood \(any_of: bad, good\)"),
        (ModelTarget(name="tone", mode="one_of"), ("bad", "good"), r"tone \(one_of: bad, good\)"),
    ],
)
def test_other_answers_are_refused_with_both_and_the_way_out(registry, target, labels, expected):
    with pytest.raises(OtherAnswers, match=expected) as caught:
        check_answers_kept(registry, "bow", target, labels)
    assert "Version 1 of bow answers mood (one_of: bad, good)." in str(caught.value)
    assert "--new-labels" in str(caught.value)


def test_the_champion_decides_and_without_one_the_newest_version(registry, place):
    publish_model(place, "bow", labels=("sad", "happy"))
    check_answers_kept(registry, "bow", MOOD, ("bad", "good"))
    registry.store.promote("bow", 2, datetime(2026, 1, 2, tzinfo=UTC))
    check_answers_kept(registry, "bow", MOOD, ("sad", "happy"))
    publish_model(place, "bow", labels=("one", "two"))
    registry.store.remove("bow", 2)
    check_answers_kept(registry, "bow", MOOD, ("one", "two"))


def test_a_damaged_manifest_does_not_keep_a_new_version_out(registry, place):
    place.replace("registry/models/bow/1/manifest.json", b"{}")
    check_answers_kept(registry, "bow", MOOD, ("x", "y"))

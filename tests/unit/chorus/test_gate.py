"""Checks of a version before it becomes champion, without a gate in chorus.toml."""

import pytest

from chorus.common.settings import from_environment
from chorus.registry.gate import IncompatibleVersion, check_gate
from tests.support.models.placeholder_models import publish_model


@pytest.fixture
def check_version(place):
    settings = from_environment({"CHORUS_HOME": place.url})
    return lambda version: check_gate(settings, place, "bow", version)


@pytest.mark.parametrize("other", [{"target": "topics"}, {"labels": ("bad", "good", "mixed")}])
def test_a_version_that_answers_another_target_or_labels_than_the_champion_is_refused(
    place, check_version, other
):
    publish_model(place, "bow")
    publish_model(place, "bow", **other)
    with pytest.raises(IncompatibleVersion, match="--force"):
        check_version(2)
    assert check_version(1) == []


def test_without_a_gate_a_version_with_the_same_target_and_labels_passes(place, check_version):
    publish_model(place, "bow"), publish_model(place, "bow")
    assert check_version(2) == []

"""What keeps a version from becoming champion, with no gate in chorus.toml."""

import pytest

from chorus.common.settings import from_environment
from chorus.registry.gate import IncompatibleVersion, check_gate
from tests.support.models.placeholder_models import publish_model


@pytest.fixture
def checked(place):
    settings = from_environment({"CHORUS_HOME": place.url})
    return lambda version: check_gate(settings, place, "bow", version)


@pytest.mark.parametrize("other", [{"target": "topics"}, {"labels": ("bad", "good", "mixed")}])
def test_a_version_that_does_not_answer_what_the_champion_answers_is_refused(place, checked, other):
    publish_model(place, "bow")
    publish_model(place, "bow", **other)
    with pytest.raises(IncompatibleVersion, match="--force"):
        checked(2)
    assert checked(1) == []


def test_without_a_gate_a_version_that_answers_the_same_may_become_champion(place, checked):
    publish_model(place, "bow"), publish_model(place, "bow")
    assert checked(2) == []

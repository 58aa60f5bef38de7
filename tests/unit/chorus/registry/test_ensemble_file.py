"""Ensemble files: what is read, and the error for every mistake, with its line."""

import json
import re
from datetime import UTC, datetime

import pytest

from chorus.registry.ensemble_file import publish_ensemble_file, read_ensemble
from ensemble.spec import EnsembleRegistry
from storage.config.config_file import BadConfigFile
from storage.config.parse import parse_json, parse_toml
from tests.support.models.placeholder_models import publish_model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLE = """description = "two questions"
review_below = 0.6

[[targets]]
name = "mood"
mode = "one_of"
members = [{model = "bow", weight = 1}, {model = "minilm", weight = 2.5, version = 3}]

[[targets]]
name = "topics"
mode = "any_of"
threshold = 0.4
members = [
  {model = "topics-bow"},
  {model = "topics.v2", version = "challenger"},
]
"""


def test_a_published_ensemble_is_the_one_that_the_file_describes():
    ensemble = read_ensemble(parse_toml(EXAMPLE.encode(), "f"))
    assert ensemble.review_below == 0.6
    assert [(member.model, member.weight, member.version) for member in ensemble.members] == [
        ("bow", 1.0, "champion"),
        ("minilm", 2.5, 3),
        ("topics-bow", 1.0, "champion"),
        ("topics.v2", 1.0, "challenger"),
    ]
    assert read_ensemble(parse_json(ensemble.encode(), "f")) == ensemble


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("review_below", "review_bellow", 2, "Did you mean review_below"),
        ('"topics"', '"mood"', 10, "another target with the name 'mood'"),
        ('"topics"', '"id"', 10, "'id', which every labelled row has"),
        ('"topics"', '"mood_score"', 10, "column 'mood_score', which the target 'mood' writes"),
        ('"topics-bow"', '"minilm"', 14, "minilm is a member already"),
        ("weight = 2.5", "weight = 0", 7, "weight .* is 0; allowed is a number above 0"),
        ("weight = 2.5", "weight = inf", 7, "allowed is a number above 0"),
        ("weight = 2.5", "wieght = 1", 7, "Did you mean weight"),
        ('"challenger"', '"7"', 15, 'is "7"; allowed is the number of a version, or an alias'),
        ('name = "topics"', "", 9, "has no name; it needs name and mode and members"),
        ("threshold = 0.4", "members = []\n[x]", 13, "no key with the name 'x'"),
        ('"any_of"', '"many"', 11, 'is "many"; allowed is "one_of" or "any_of"'),
        ("threshold = 0.4", 'method = "vote"', 12, 'is "vote"; allowed is "soft_vote"'),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_what_is_allowed(old, new, line, expected):
    text = EXAMPLE.replace(old, new)
    if "[x]" in new:
        text = text[: text.index("[x]") + 3]
    with pytest.raises(BadConfigFile) as caught:
        read_ensemble(parse_toml(text.encode(), "f"))
    assert re.search(expected, str(caught.value)), str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("members", "line", "expected"),
    [
        ([{"model": "bow"}, {"model": "nobody"}], 11, "no nobody among the models"),
        ([{"model": "bow", "version": 9}], 9, "no version or alias 9 of bow"),
        ([{"model": "bow"}, {"model": "tone-bow"}], 11, "it answers tone"),
        (
            [{"model": "bow"}, {"model": "stars"}],
            11,
            "its labels are one, two, the others' are bad",
        ),
    ],
)
def test_a_member_that_does_not_fit_is_refused_with_its_line(
    place, tmp_path, members, line, expected
):
    publish_model(place, "bow")
    publish_model(place, "tone-bow", target="tone")
    publish_model(place, "stars", labels=("one", "two"))
    file = tmp_path / "ensemble.json"
    target = {"name": "mood", "mode": "one_of", "members": members}
    file.write_text(json.dumps({"targets": [target]}, indent=1))
    with pytest.raises(BadConfigFile, match=expected) as caught:
        publish_ensemble_file(place, "mine", file, NOW)
    assert caught.value.line == line
    assert EnsembleRegistry(place).versions("mine") == []

"""Checks of a version before it becomes champion, and of the gates themselves in doctor."""

import csv

import pytest

from chorus.common.settings import from_environment
from chorus.operations.doctor_configuration import SeveralMistakes, check_gates
from chorus.registry.gate import GateNotCheckable, IncompatibleVersion, check_gate
from tests.support.models.placeholder_models import publish_ensemble, publish_model
from tests.support.runs.steps import store_dataset

LABELLED = '[models.bow.gate]\nleast_macro_f1 = 0.5\nlabelled = "held_out.csv"\n'
FLIPS = "[defaults.gate]\n\nmost_flips = 0.1\n"


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
    assert check_gates(place) == "none"


@pytest.fixture
def field_limit():
    """Set the limit that the csv module starts with: the readers of uploads raise it."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("field_limit")
@pytest.mark.parametrize(
    ("held_out", "expected"),
    [
        (None, "it is not in"),
        ("text,labels\n", "it holds no rows"),
        ("text,mood\nfine,good\n", "has no column 'labels'"),
        (
            "text,labels\nfine,great\n",
            "does not fit the labels of the model. Row 1 has the label 'great'",
        ),
        (b"text,labels\n\xff,good\n", "is not UTF-8"),
        ("text,labels\n" + "x" * 200_000 + ",good\n", "row 1 is not CSV: field larger"),
    ],
)
def test_a_gate_whose_labelled_file_cannot_be_used_is_an_error_everywhere(
    place, check_version, held_out, expected
):
    publish_model(place, "bow"), publish_model(place, "bow")
    place.create("chorus.toml", LABELLED.encode())
    if held_out is not None:
        place.create("held_out.csv", held_out if isinstance(held_out, bytes) else held_out.encode())
    start = f"{place.url_of('chorus.toml')}, line 3: the gate of bow cannot be checked: "
    with pytest.raises(GateNotCheckable) as refused:
        check_version(2)
    with pytest.raises(SeveralMistakes) as found:
        check_gates(place)
    for error in (refused.value, found.value):
        assert str(error).startswith(start)
        assert expected in str(error)
    assert "--force promotes it all the same" in str(refused.value)


def test_a_folder_as_labelled_file_is_an_error(place, check_version):
    publish_model(place, "bow")
    place.create("chorus.toml", LABELLED.encode())
    place.create("held_out.csv/x", b"")
    with pytest.raises(GateNotCheckable, match="Is a directory"):
        check_version(1)


def test_flips_that_cannot_be_counted_for_want_of_feedback_are_an_error_everywhere(
    place, check_version
):
    publish_model(place, "bow"), publish_model(place, "bow")
    publish_ensemble(place, {"bow": 1})
    place.create("chorus.toml", FLIPS.encode())
    assert check_version(1) == [], "the champion itself is compared with nothing"
    expected = "line 3: the gate of bow cannot be checked: no feedback is stored"
    with pytest.raises(GateNotCheckable, match=expected):
        check_version(2)
    with pytest.raises(SeveralMistakes, match=expected):
        check_gates(place)
    store_dataset(place, ["fine"])
    assert check_gates(place) == "bow"


def test_the_gates_of_all_models_are_checked(place):
    publish_model(place, "bow"), publish_model(place, "minilm")
    place.create("chorus.toml", FLIPS.encode())
    with pytest.raises(SeveralMistakes) as found:
        check_gates(place)
    assert [mistake.count("the gate of") for mistake in found.value.mistakes] == [1, 1]

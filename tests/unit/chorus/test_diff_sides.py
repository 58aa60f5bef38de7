"""Sides that `chorus diff` compares, and the stored feedback that it compares them on."""

from datetime import UTC, datetime

import pytest

from chorus.compare.diff import BadSides, ModelReference, parse_sides
from chorus.compare.stored_feedback import newest_chunks
from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from storage.records import feedback
from tests.support.runs.steps import store_dataset


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("bow", None), (ModelReference("bow", "champion"), ModelReference("bow", "challenger"))),
        (("bow@3", None), (ModelReference("bow", "champion"), ModelReference("bow", 3))),
        (("bow", "bow@3"), (ModelReference("bow", "champion"), ModelReference("bow", 3))),
        (("bow@1", "bow@shadow"), (ModelReference("bow", 1), ModelReference("bow", "shadow"))),
        (("f8ee", "0a1b"), ("f8ee", "0a1b")),
        (("acme/one", "acme/two"), ("acme/one", "acme/two")),
    ],
)
def test_two_sides_are_two_versions_or_two_jobs(given, expected):
    assert parse_sides(*given) == expected


def test_versions_of_two_models_are_refused():
    with pytest.raises(BadSides, match="two models"):
        parse_sides("bow@1", "minilm@1")


@pytest.fixture
def stored(place):
    """A root with feedback of three customers; all datasets but one have an upload date."""
    target = Target(name="mood", mode="one_of", members=(Member(model="bow"),))
    registry, at = EnsembleRegistry(place), datetime(2026, 1, 1, tzinfo=UTC)
    registry.publish("default", Ensemble(targets=(target,)), at)
    other = target.model_copy(update={"members": (Member(model="minilm"),)})
    registry.publish("other", Ensemble(targets=(other,)), at)
    place.replace("customers.toml", b'[customers.zeta]\nensemble = "other"\n')
    for customer, name, day in (
        ("acme", "a", 3),
        ("acme", "b", 5),
        ("beta", "c", 4),
        ("beta", "d", None),
        ("zeta", "e", 6),
    ):
        dataset = store_dataset(place, ["x", "y", "z"], customer=customer, name=name)
        taken_in = day and datetime(2026, 1, day, tzinfo=UTC)
        dated = dataset.model_copy(update={"taken_in": taken_in})
        place.replace(feedback.dataset_path(customer, name), dated.encode())
    return place


def positions_of_newest(*arguments):
    return [(chunk.dataset.id, chunk.position) for chunk in newest_chunks(*arguments)]


def test_the_newest_feedback_of_customers_who_use_the_model_comes_first(stored):
    assert positions_of_newest(stored, "bow", 100) == [
        (name, position) for name in "bcad" for position in (0, 1)
    ]


def test_whole_chunks_are_chosen_until_there_are_enough_rows(stored):
    assert positions_of_newest(stored, "bow", 4) == [("b", 0), ("b", 1), ("c", 0)]
    assert positions_of_newest(stored, "bow", 3) == [("b", 0), ("b", 1)]


def test_customers_and_a_date_restrict_the_feedback(stored):
    assert positions_of_newest(stored, "bow", 100, ["beta"]) == [
        ("c", 0),
        ("c", 1),
        ("d", 0),
        ("d", 1),
    ]
    assert positions_of_newest(stored, "bow", 100, (), datetime(2026, 1, 4, tzinfo=UTC)) == [
        (n, p) for n in "bc" for p in (0, 1)
    ]

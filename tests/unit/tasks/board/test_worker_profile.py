"""What a worker of a model takes and does, as kept with its version."""

import json
from datetime import UTC, datetime

import pytest

from models.interface.manifest import Measurements, ModelCard, ModelSpec, ModelTarget
from models.publishing.registry import ModelRegistry
from tasks.board.worker_profile import (
    WorkerProfile,
    expected_profile,
    expected_profile_of,
    store_profile,
)

FIGURES = WorkerProfile(rate=7.0, start_seconds=9.0, memory=11, row_seconds=0.5, row_chars=20.0)


@pytest.fixture
def publish(place, tmp_path):
    (tmp_path / "weights").write_bytes(b"w")

    def publish(kind="bow", **said):
        spec = ModelSpec(
            kind=kind,
            target=ModelTarget(name="mood", mode="one_of"),
            labels=("bad", "good"),
            card=ModelCard(data="made by the tests"),
            **said,
        )
        return ModelRegistry(place).publish("bow", tmp_path, spec, datetime(2026, 1, 1, tzinfo=UTC))

    return publish


def test_what_was_measured_is_expected_of_the_next_worker(place, publish):
    publish()
    store_profile(place, "bow", 1, FIGURES)
    assert expected_profile(place, "bow") == FIGURES


def test_a_file_that_cannot_be_read_is_as_none(place, tmp_path, publish):
    """A storage that fails for a moment is no reason to stop."""
    publish()
    (tmp_path / "home/registry/models/bow/1/measured.json").mkdir()
    assert expected_profile(place, "bow").memory > FIGURES.memory, "a guess"


def test_a_file_of_an_older_version_is_read(place, publish):
    old = {"rate": 7.0, "start_seconds": 9.0, "memory": 11}
    version = publish()
    place.replace("registry/models/bow/1/measured.json", json.dumps(old).encode())
    assert expected_profile_of(place, version).rate == 7
    assert expected_profile_of(place, version).seconds(70, None) == 10, (
        "by the rate, as if it filled one processor"
    )


def test_a_new_version_is_expected_to_be_like_the_one_before(place, publish):
    publish()
    store_profile(place, "bow", 1, FIGURES)
    second, third = publish(), publish()
    assert expected_profile_of(place, third) == FIGURES
    store_profile(place, "bow", 2, FIGURES.model_copy(update={"rate": 8.0, "memory": 50}))
    assert expected_profile_of(place, third).rate == expected_profile_of(place, second).rate == 8


def test_a_version_of_another_kind_says_nothing_of_it(place, publish):
    publish()
    store_profile(place, "bow", 1, FIGURES)
    assert expected_profile_of(place, publish("transformer")).memory > FIGURES.memory, "a guess"


def test_a_later_version_says_nothing_of_it(place, publish):
    first = publish()
    publish()
    store_profile(place, "bow", 2, FIGURES)
    assert expected_profile_of(place, first).memory > FIGURES.memory, "a guess"


def test_before_a_worker_measured_anything_what_publishing_measured_is_expected(place, publish):
    measured = Measurements(
        load_seconds=2, rows_per_second=7, characters_per_second=70, rows=9, memory=10**9
    )
    publish(measured=measured)
    found = expected_profile(place, "bow")
    assert found.rate == measured.rows_per_second
    assert found.start_seconds > measured.load_seconds
    assert measured.memory < found.memory < 1.1 * measured.memory

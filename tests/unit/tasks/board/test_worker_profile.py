"""Worker profiles: stored with a model version, and expected of the next worker."""

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

PROFILE = WorkerProfile(rate=7.0, start_seconds=9.0, memory=11, row_seconds=0.5, row_chars=20.0)


@pytest.fixture
def publish(place, tmp_path):
    (tmp_path / "weights").write_bytes(b"w")

    def publish(kind="bow", **fields):
        spec = ModelSpec(
            kind=kind,
            target=ModelTarget(name="mood", mode="one_of"),
            labels=("bad", "good"),
            card=ModelCard(data="made by the tests"),
            **fields,
        )
        return ModelRegistry(place).publish("bow", tmp_path, spec, datetime(2026, 1, 1, tzinfo=UTC))

    return publish


def test_the_stored_profile_is_expected_of_the_next_worker(place, publish):
    publish()
    store_profile(place, "bow", 1, PROFILE)
    assert expected_profile(place, "bow") == PROFILE


def test_a_profile_that_cannot_be_read_is_estimated(place, tmp_path, publish):
    """A read that fails once does not stop the worker."""
    publish()
    (tmp_path / "home/registry/models/bow/1/measured.json").mkdir()
    assert expected_profile(place, "bow").memory > PROFILE.memory, "an estimate"


def test_a_profile_with_fewer_fields_is_read(place, publish):
    old = {"rate": 7.0, "start_seconds": 9.0, "memory": 11}
    version = publish()
    place.replace("registry/models/bow/1/measured.json", json.dumps(old).encode())
    assert expected_profile_of(place, version).rate == 7
    assert expected_profile_of(place, version).seconds(70, None) == 10, (
        "by the rate, as if a worker used one processor fully"
    )


def test_a_new_version_is_expected_to_be_like_the_one_before_it(place, publish):
    publish()
    store_profile(place, "bow", 1, PROFILE)
    second, third = publish(), publish()
    assert expected_profile_of(place, third) == PROFILE
    store_profile(place, "bow", 2, PROFILE.model_copy(update={"rate": 8.0, "memory": 50}))
    assert expected_profile_of(place, third).rate == expected_profile_of(place, second).rate == 8


def test_the_profile_of_another_kind_of_model_is_not_used(place, publish):
    publish()
    store_profile(place, "bow", 1, PROFILE)
    assert expected_profile_of(place, publish("transformer")).memory > PROFILE.memory, "an estimate"


def test_the_profile_of_a_later_version_is_not_used(place, publish):
    first = publish()
    publish()
    store_profile(place, "bow", 2, PROFILE)
    assert expected_profile_of(place, first).memory > PROFILE.memory, "an estimate"


def test_without_a_stored_profile_the_measurements_of_publishing_are_used(place, publish):
    measured = Measurements(
        load_seconds=2, rows_per_second=7, characters_per_second=70, rows=9, memory=10**9
    )
    publish(measured=measured)
    profile = expected_profile(place, "bow")
    assert profile.rate == measured.rows_per_second
    assert profile.start_seconds > measured.load_seconds
    assert measured.memory < profile.memory < 1.1 * measured.memory

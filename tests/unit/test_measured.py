"""What a worker of a model takes and does, as kept with its version."""

from datetime import UTC, datetime

from models.manifest import Card, ModelSpec, Target
from models.registry import ModelRegistry
from tasks.measured import Needs, expected, keep

FIGURES = Needs(rate=7.0, start_seconds=9.0, memory=11)


def publish(place, folder):
    (folder / "weights").write_bytes(b"w")
    spec = ModelSpec(
        kind="bow",
        target=Target(name="mood", mode="one_of"),
        labels=("bad", "good"),
        card=Card(data="made by the tests"),
    )
    ModelRegistry(place).publish("bow", folder, spec, datetime(2026, 1, 1, tzinfo=UTC))


def test_what_was_measured_is_expected_of_the_next_worker(place, tmp_path):
    publish(place, tmp_path)
    keep(place, "bow", 1, FIGURES)
    assert expected(place, "bow") == FIGURES


def test_a_file_that_cannot_be_read_is_as_none(place, tmp_path):
    """A storage that fails for a moment is no reason to stop."""
    publish(place, tmp_path)
    (tmp_path / "home/registry/models/bow/1/measured.json").mkdir()
    assert expected(place, "bow").memory > FIGURES.memory, "a guess"

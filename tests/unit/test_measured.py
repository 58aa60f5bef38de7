"""What a worker of a model takes and does, as kept with its version."""

from datetime import UTC, datetime

from models.manifest import Card, ModelSpec, Target
from models.measured import Measured
from models.registry import ModelRegistry
from tasks.measured import Needs, expected, keep

FIGURES = Needs(rate=7.0, start_seconds=9.0, memory=11)


def publish(place, folder, **said):
    (folder / "weights").write_bytes(b"w")
    spec = ModelSpec(
        kind="bow",
        target=Target(name="mood", mode="one_of"),
        labels=("bad", "good"),
        card=Card(data="made by the tests"),
        **said,
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


def test_before_a_worker_measured_anything_what_publishing_measured_is_expected(place, tmp_path):
    measured = Measured(load_seconds=2, rows_per_second=7, characters_per_second=70, rows=9, memory=10**9)
    publish(place, tmp_path, measured=measured)
    found = expected(place, "bow")
    assert found.rate == measured.rows_per_second
    assert found.start_seconds > measured.load_seconds
    assert measured.memory < found.memory < 1.1 * measured.memory

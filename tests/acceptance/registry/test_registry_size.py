"""A job starts and loads only the models that it needs, however many the registry has."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ensemble.spec import Ensemble, EnsembleRegistry, Member, Target
from models.interface.manifest import ModelSpec
from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace
from tests.support.models.small_models import MOODS, PUBLISHED, publish_bow
from tests.support.runs.command import Command

NEEDED = ("mood-bow", "mood-plain")
IDLE = 48
TOLERANCE = 0.1  # relative difference of the peak memory of a process between runs


@pytest.fixture
def two(registry, tmp_path):
    """A root with two models, both in the default ensemble."""
    home = tmp_path / "two"
    for model in NEEDED:
        shutil.copytree(registry / "registry/models" / model, home / "registry/models" / model)
    members = tuple(Member(model=model) for model in NEEDED)
    target = Target(name="mood", mode="one_of", members=members)
    EnsembleRegistry(LocalPlace(home)).publish("default", Ensemble(targets=(target,)), PUBLISHED)
    return home


@pytest.fixture
def fifty(two, tmp_path):
    """The same root with 48 unused models. Each has 8 MB of zeros, which would show if loaded."""
    from sklearn.feature_extraction.text import HashingVectorizer

    home = shutil.copytree(two, tmp_path / "fifty")
    place = LocalPlace(home)
    first = publish_bow(
        place, "idle-0", "mood", "one_of", MOODS, ["bad", "good"], MOODS, words=HashingVectorizer()
    )
    spec = ModelSpec(**{field: getattr(first, field) for field in ModelSpec.model_fields})
    folder = tmp_path / "artifact"
    folder.mkdir()
    shutil.copy(home / "registry/models/idle-0/1/pipeline.skops", folder)
    for number in range(1, IDLE):
        ModelRegistry(place).publish(f"idle-{number}", folder, spec, first.published_at)
    return home


def peaks(home, upload):
    """Return the peak resident memory in MB of the command and its processes, by their role."""
    megabytes = {}
    with Command(home, CHORUS_CHUNK_ROWS="1").start("score", upload, "--json") as process:
        while True:
            for pid in (process.pid, *child_pids(process.pid)):
                megabytes |= peak_of(pid)  # a peak never falls, so the last reading counts
            try:
                _, err = process.communicate(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            assert process.returncode == 0, err.decode()
            return megabytes


def child_pids(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in read(task).split()]


def peak_of(pid):
    """Return {role: MB}; empty if the process has ended or has not yet got its command line."""
    words = read(Path(f"/proc/{pid}/cmdline")).split("\0")
    peak = re.search(r"VmHWM:\s+(\d+) kB", read(Path(f"/proc/{pid}/status")))
    if peak is None:
        return {}
    if "valkey-server" in words[0] or "redis-server" in words[0]:
        return {"broker": int(peak[1]) / 1024}
    if "--model" in words:
        return {words[words.index("--model") + 1]: int(peak[1]) / 1024}
    if "--control" in words:
        return {"control": int(peak[1]) / 1024}
    return {"command": int(peak[1]) / 1024} if "score" in words else {}


def read(file):
    try:
        return file.read_text()
    except OSError:
        return ""


def test_fifty_models_in_the_registry_take_the_memory_of_the_two_that_a_job_needs(
    two, fifty, upload
):
    rows = upload(
        [
            (f"r{number}", f"{'great' if number % 3 else 'awful'} thing number {number}")
            for number in range(60)
        ]
    )
    expected, measured = peaks(two, rows), peaks(fifty, rows)
    assert len(ModelRegistry(LocalPlace(fifty)).names()) == IDLE + len(NEEDED)
    assert set(measured) == set(expected) == {"command", "broker", "control", *NEEDED}
    for process, megabytes in expected.items():
        assert measured[process] == pytest.approx(megabytes, rel=TOLERANCE), (
            f"{process}: {expected}, {measured}"
        )

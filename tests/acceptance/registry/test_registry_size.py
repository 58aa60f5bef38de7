"""A registry of many models costs a job nothing: the models it needs are started and loaded, and no
others.
"""

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
SPREAD = 0.1  # by how much the peak of one process differs from run to run


@pytest.fixture
def two(registry, tmp_path):
    """A root with two models, both of which everyone uses."""
    home = tmp_path / "two"
    for model in NEEDED:
        shutil.copytree(registry / "registry/models" / model, home / "registry/models" / model)
    members = tuple(Member(model=model) for model in NEEDED)
    target = Target(name="mood", mode="one_of", members=members)
    EnsembleRegistry(LocalPlace(home)).publish("default", Ensemble(targets=(target,)), PUBLISHED)
    return home


@pytest.fixture
def fifty(two, tmp_path):
    """The same, and 48 models that nobody uses. Each would be seen if it were loaded: 8 MB, of
    zeros on the disk.
    """
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
    """Highest resident memory in MB of the command and all that it started, by what they are."""
    found = {}
    with Command(home, CHORUS_CHUNK_ROWS="1").start("score", upload, "--json") as process:
        while True:
            for pid in (process.pid, *children(process.pid)):
                found |= peak_of(pid)  # a peak only rises: the last look says all
            try:
                _, err = process.communicate(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            assert process.returncode == 0, err.decode()
            return found


def children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in read(task).split()]


def peak_of(pid):
    """{what it is: MB}, or nothing when the process is gone, or is not yet what it will be."""
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
    expected, found = peaks(two, rows), peaks(fifty, rows)
    assert len(ModelRegistry(LocalPlace(fifty)).names()) == IDLE + len(NEEDED)
    assert set(found) == set(expected) == {"command", "broker", "control", *NEEDED}
    for process, megabytes in expected.items():
        assert found[process] == pytest.approx(megabytes, rel=SPREAD), (
            f"{process}: {expected}, {found}"
        )

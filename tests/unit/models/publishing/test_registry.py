"""Publishing models, and refusing files that differ from what was published."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest

from models.interface.manifest import ModelManifest
from models.publishing.registry import ModelRegistry, NothingToPublish, Tampered
from storage.names import BadName
from storage.places.open_place import open_place
from storage.versions.version_store import NotPublished
from tests.support.models.models_fixtures import spec

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "weights.bin").write_bytes(b"weights")
    (made / "config.json").write_bytes(b"{}")
    return made


@pytest.fixture
def registry(any_place):
    """A registry on a folder, and on object stores whose files must be downloaded."""
    return ModelRegistry(any_place)


def test_a_published_version_is_found_by_number_and_as_champion(registry, folder):
    manifest = registry.publish("mood", folder, spec(), NOW)
    assert manifest.version == 1
    assert registry.names() == ["mood"]
    assert registry.versions("mood") == [1]
    assert registry.aliases("mood") == {"champion": 1}
    assert (
        registry.resolve("mood")
        == registry.resolve("mood", 1)
        == registry.manifest("mood", 1)
        == manifest
    )


def test_a_second_version_does_not_become_champion_by_itself(registry, folder):
    registry.publish("mood", folder, spec(), NOW)
    registry.publish("mood", folder, spec(), NOW)
    assert registry.versions("mood") == [1, 2]
    assert registry.resolve("mood").version == 1


def test_two_concurrent_publishers_get_two_versions(registry, folder):
    barrier = Barrier(2)

    def publish(_):
        barrier.wait()
        return registry.publish("mood", folder, spec(), NOW).version

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(publish, range(2))) == [1, 2]
    assert registry.versions("mood") == [1, 2]


def test_the_verified_folder_holds_every_artifact(registry, folder):
    manifest = registry.publish("mood", folder, spec(), NOW)
    with registry.verified(manifest) as verified:
        assert {
            artifact.file: (verified / artifact.file).read_bytes()
            for artifact in manifest.artifacts
        } == {
            "config.json": b"{}",
            "weights.bin": b"weights",
        }


def test_a_file_that_changed_by_one_byte_is_refused(tmp_path, folder):
    registry = ModelRegistry(open_place(str(tmp_path)))
    manifest = registry.publish("mood", folder, spec(), NOW)
    (tmp_path / "registry/models/mood/1/weights.bin").write_bytes(b"weightz")
    with pytest.raises(Tampered) as caught, registry.verified(manifest):
        pytest.fail("the folder was handed out")
    error = caught.value
    expected = next(
        artifact.sha256 for artifact in manifest.artifacts if artifact.file == "weights.bin"
    )
    assert (error.model, error.version, error.file, error.expected) == (
        "mood",
        1,
        "weights.bin",
        expected,
    )
    assert error.actual in str(error)
    assert "Restore the file, or publish the model again" in str(error)


def test_a_missing_artifact_is_refused(tmp_path, folder):
    registry = ModelRegistry(open_place(str(tmp_path)))
    manifest = registry.publish("mood", folder, spec(), NOW)
    (tmp_path / "registry/models/mood/1/weights.bin").unlink()
    with pytest.raises(Tampered, match="is missing"), registry.verified(manifest):
        pytest.fail("the folder was handed out")


def test_a_manifest_that_was_edited_is_refused(tmp_path, folder):
    registry = ModelRegistry(open_place(str(tmp_path)))
    manifest = registry.publish("mood", folder, spec(), NOW)
    edited = ModelManifest(**dict(manifest) | {"labels": ("good", "bad")})
    (tmp_path / "registry/models/mood/1/manifest.json").write_bytes(edited.encode())
    with pytest.raises(Tampered, match=r"manifest\.json of mood version 1"):
        registry.resolve("mood")


def test_the_manifest_of_another_version_is_refused(tmp_path, folder):
    registry = ModelRegistry(open_place(str(tmp_path)))
    registry.publish("mood", folder, spec(), NOW)
    registry.publish("mood", folder, spec(), NOW)
    home = tmp_path / "registry/models/mood"
    (home / "2/manifest.json").write_bytes((home / "1/manifest.json").read_bytes())
    with pytest.raises(Tampered, match="that of mood version 1"):
        registry.resolve("mood", 2)


def test_the_error_for_an_unknown_name_or_version_lists_what_is_published(registry, folder):
    registry.publish("mood", folder, spec(), NOW)
    with pytest.raises(NotPublished, match="Published: mood"):
        registry.resolve("moot")
    with pytest.raises(NotPublished, match="Published: 1, champion"):
        registry.resolve("mood", 7)


def test_an_empty_folder_and_a_bad_name_publish_nothing(registry, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToPublish):
        registry.publish("mood", tmp_path / "empty", spec(), NOW)
    with pytest.raises(BadName):
        registry.publish("../mood", folder, spec(), NOW)
    assert registry.names() == []


def test_no_model_library_is_loaded_before_a_scorer_is_opened():
    code = (
        "import sys, models.kinds.table, models.publishing.registry, models.interface.scorer;"
        "import models.publishing.publish, models.publishing.train_model;"
        "heavy = {'sklearn', 'skops', 'openvino', 'torch', 'transformers', 'tokenizers'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

"""Models that would run code of their own are refused, with the reason and a remedy."""

import json
from datetime import UTC, datetime

import pytest

from models.guards.code_guard import ContainsCode
from models.interface.import_result import NotAModel
from models.publishing.publish import publish_from
from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def refused(tmp_path):
    """Return a function that publishes a folder with these files and returns the error."""

    def publish(**files):
        folder = tmp_path / "given"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(
                content if isinstance(content, bytes) else json.dumps(content).encode()
            )
        registry = ModelRegistry(LocalPlace(tmp_path / "home"))
        with pytest.raises(NotAModel) as caught:
            publish_from(registry, "mood", folder, "mood", NOW)
        assert registry.names() == []
        return caught.value

    return publish


COMPLETE = {"config.json": {"model_type": "bert"}, "model.safetensors": b"", "tokenizer.json": {}}


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "model.pkl"]
)
def test_weights_that_are_only_pickles_are_refused(refused, name):
    error = refused(**{"config.json": {}, "tokenizer.json": {}, name: b"\x80\x04K\x01."})
    assert isinstance(error, ContainsCode)
    assert f"it is kept as a pickle ({name})" in str(error)
    assert "model.save_pretrained(FOLDER)" in str(error)


@pytest.mark.parametrize("config", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("key", ["auto_map", "custom_pipelines"])
def test_a_config_that_names_code_is_refused(refused, config, key):
    error = refused(**{**COMPLETE, config: {key: {"AutoModel": "modeling_own.Own"}}})
    assert f"{config} names code of its own ({key})" in str(error)


def test_python_files_are_refused(refused):
    error = refused(**{**COMPLETE, "modeling_own.py": b"raise SystemExit"})
    assert "it brings Python files (modeling_own.py)" in str(error)


def test_a_pickled_pipeline_is_refused(refused):
    error = refused(**{"model.pkl": b"\x80\x04K\x01."})
    assert "it is kept as a pickle (model.pkl)" in str(error)
    assert "skops.io.dump" in str(error)


def test_a_config_that_is_not_a_json_object_is_refused(refused):
    assert "config.json is not a JSON object" in str(refused(**{**COMPLETE, "config.json": b"[1"}))

"""Folders that MLflow saved are published; those with pickles or code are refused."""

import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml

from models.guards.code_guard import ContainsCode
from models.interface.compute import Compute
from models.interface.import_result import NotAModel
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.kinds.table import find_kind, open_scorer
from models.publishing.publish import publish_from
from models.publishing.registry import ModelRegistry
from storage.places.place import LocalPlace
from tests.support.models.models_fixtures import encoder, moods, strings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = strings("the box was good today", "the parcel was bad again")
SKLEARN = {
    "code": None,
    "pickled_model": "model.skops",
    "serialization_format": "skops",
    "skops_trusted_types": None,
    "sklearn_version": "1.9.0",
}
TRANSFORMERS = {
    "code": None,
    "components": ["tokenizer"],
    "instance_type": "TextClassificationPipeline",
    "model_binary": "model",
    "pipeline_model_type": "BertForSequenceClassification",
    "source_model_name": "bert-tiny",
    "task": "text-classification",
    "tokenizer_type": "BertTokenizer",
    "transformers_version": "5.0.0",
}


def mlmodel(folder, **flavors):
    """Write an MLmodel file as MLflow does; return its folder."""
    loader = {"loader_module": f"mlflow.{next(iter(flavors), 'none')}", "python_version": "3.13.1"}
    folder.mkdir(exist_ok=True)
    written = {
        "artifact_path": "model",
        "flavors": {"python_function": loader, **flavors},
        "mlflow_version": "3.5.0",
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(written))
    return folder


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(LocalPlace(tmp_path / "home"))


def answers(registry, manifest):
    with registry.verified(manifest) as folder:
        scorer = open_scorer(manifest, folder, Compute("cpu", threads=1))
        scorer.load()
        return score(scorer, TEXTS)


def test_a_pipeline_saved_with_skops_is_published_and_scored(registry, tmp_path):
    folder = mlmodel(tmp_path / "mood", sklearn=SKLEARN)
    find_kind("bow").fit(moods(), folder, TrainingOptions())
    (folder / "pipeline.skops").rename(folder / "model.skops")
    (folder / "requirements.txt").write_text("mlflow==3.5.0\n")
    manifest = publish_from(registry, "mood", folder, "mood", NOW)
    assert (manifest.labels, manifest.card.data) == (("bad", "good"), "published from mood")
    assert manifest.measured.rows_per_second > 0
    assert answers(registry, manifest).argmax(axis=1).tolist() == [1, 0]


def test_a_transformer_is_published_and_scored(registry, tmp_path):
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    tiny, folder = encoder(tmp_path / "tiny"), mlmodel(tmp_path / "mood", transformers=TRANSFORMERS)
    torch.manual_seed(1)
    config = BertConfig.from_pretrained(tiny, id2label={0: "bad", 1: "good"})
    BertForSequenceClassification(config).save_pretrained(folder / "model")
    (folder / "components/tokenizer").mkdir(parents=True)
    shutil.copyfile(tiny / "tokenizer.json", folder / "components/tokenizer/tokenizer.json")
    (folder / "components/tokenizer/tokenizer_config.json").write_text(
        json.dumps({"model_max_length": 64})
    )
    manifest = publish_from(registry, "mood", folder, "mood", NOW)
    assert (manifest.labels, manifest.card.data) == (("bad", "good"), "published from mood")
    assert manifest.measured.tokens_per_second > 0
    assert np.allclose(answers(registry, manifest).sum(axis=1), 1)


@pytest.mark.parametrize("serialization", ["pickle", "cloudpickle", None])
def test_a_pickled_pipeline_is_refused_with_a_remedy(registry, tmp_path, serialization):
    folder = mlmodel(
        tmp_path / "mood",
        sklearn=SKLEARN | {"pickled_model": "model.pkl", "serialization_format": serialization},
    )
    (folder / "model.pkl").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(
        ContainsCode,
        match=rf"serialization_format: {serialization}.*serialization_format=\"skops\"",
    ):
        publish_from(registry, "mood", folder, "mood", NOW)


@pytest.mark.parametrize(
    ("flavors", "problem"),
    [
        ({"sklearn": SKLEARN | {"code": "code"}}, r"it brings code \(code\)"),
        (
            {"sklearn": SKLEARN | {"pickled_model": "../other/model.skops"}},
            "which is not in the folder",
        ),
        ({"sklearn": SKLEARN}, "names no .skops file that is there"),
        (
            {"transformers": TRANSFORMERS | {"task": "text-generation"}},
            "its task is text-generation",
        ),
        ({"transformers": TRANSFORMERS}, "its weights are elsewhere"),
        ({"transformers": TRANSFORMERS | {"peft_adaptor": "peft"}}, "those of an adapter"),
        ({"xgboost": {"data": "model.xgb"}}, "its flavours are python_function, xgboost"),
    ],
)
def test_a_folder_that_cannot_be_published_is_refused_with_the_reason(
    registry, tmp_path, flavors, problem
):
    with pytest.raises(NotAModel, match=problem):
        publish_from(registry, "mood", mlmodel(tmp_path / "mood", **flavors), "mood", NOW)


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("model/pytorch_model.bin", b"\x80\x04K\x01.", "it is kept as a pickle"),
        ("model/config.json", b'{"auto_map": {"AutoModel": "own.Own"}}', "names code of its own"),
        (
            "components/tokenizer/tokenizer_config.json",
            b'{"auto_map": {"AutoTokenizer": "own"}}',
            "names code of its own",
        ),
        ("model/model.safetensors", b"", "there is no config.json, tokenizer.json"),
    ],
)
def test_a_transformer_with_pickles_or_code_is_refused(registry, tmp_path, file, content, problem):
    folder = mlmodel(tmp_path / "mood", transformers=TRANSFORMERS)
    for part in ("model", "components/tokenizer"):
        (folder / part).mkdir(parents=True)
    (folder / file).write_bytes(content)
    with pytest.raises(NotAModel, match=problem):
        publish_from(registry, "mood", folder, "mood", NOW)


@pytest.mark.parametrize("text", ["flavors: [", "- a list", "flavors: sklearn", "\x00"])
def test_an_mlmodel_file_without_flavors_is_refused(registry, tmp_path, text):
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(NotAModel, match="MLmodel is not YAML"):
        publish_from(registry, "mood", tmp_path, "mood", NOW)

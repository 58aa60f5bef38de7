"""The kind transformer: training, publishing and scoring with a tiny encoder."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from openvino_telemetry.utils.sender import TelemetrySender
from transformers import BertConfig, BertForSequenceClassification

from models.guards.code_guard import ContainsCode
from models.interface.compute import Compute
from models.interface.import_result import NotAModel
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.kinds.table import find_kind, open_scorer
from models.publishing.metrics import compute_metrics
from models.publishing.publish import publish_from
from models.publishing.registry import ModelRegistry
from models.publishing.trial import measure_model
from models.transformer import networks
from models.transformer.export import token_limit
from models.transformer.files import open_tokenizer
from models.transformer.openvino_scorer import WrongOutputCount, to_probabilities
from models.transformer.train import MissingEncoder
from storage.places.place import LocalPlace
from tests.support.models.models_fixtures import (
    WORDS,
    edit_json,
    encoder,
    moods,
    spec,
    strings,
    topics,
)

pytestmark = pytest.mark.usefixtures("one_thread")

TOLERANCE = 1e-3
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A Hugging Face style folder with a one-of model."""
    folder = tmp_path_factory.mktemp("trained")
    find_kind("transformer").fit(
        moods(),
        folder,
        TrainingOptions(encoder=tiny, epochs=40, frozen_layers=0, learning_rate=5e-3),
    )
    return folder


@pytest.fixture(scope="module")
def published(trained, tmp_path_factory):
    """The folder of a published version."""
    folder = tmp_path_factory.mktemp("published")
    find_kind("transformer").import_files(trained, folder, None)
    return folder


def loaded(folder, cache=None, **what):
    scorer = open_scorer(
        spec("transformer", **what),
        folder,
        Compute("cpu", threads=1, precision="float32", cache=cache),
    )
    scorer.load()
    return scorer


def random_texts(rows=300):
    """Return texts of 1 to 40 words."""
    chance = np.random.default_rng(1)
    return strings(*(" ".join(chance.choice(WORDS, chance.integers(1, 41))) for _ in range(rows)))


def logits_by_torch(model, folder, texts):
    """Return the logits of each text alone, without padding."""
    tokenizer = open_tokenizer(folder, 64)
    with torch.no_grad():
        ids = [torch.tensor([tokenizer.encode(text).ids]) for text in texts.to_pylist()]
        return torch.cat([model(row, torch.ones_like(row)) for row in ids])


def test_openvino_gives_the_scores_of_torch(published):
    texts = random_texts(40)
    expected = torch.softmax(
        logits_by_torch(networks.load_network(published), published, texts), dim=1
    ).numpy()
    values = score(loaded(published, max_tokens=64), texts)
    assert values.dtype == np.float32
    assert np.abs(values - expected).max() < TOLERANCE
    assert values.std(axis=0).min() > 0.01  # the texts are told apart


def test_a_standard_model_is_published_and_gives_the_same_scores_as_in_torch(tiny, tmp_path):
    config = BertConfig.from_pretrained(tiny, id2label={0: "late", 1: "dear", 2: "rude"})
    config.problem_type = "multi_label_classification"
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    shutil.copyfile(tiny / "tokenizer.json", tmp_path / "tokenizer.json")
    manifest = publish_from(
        ModelRegistry(LocalPlace(tmp_path / "home")), "late", tmp_path, "topics", NOW
    )
    assert (manifest.target.mode, manifest.labels, manifest.max_tokens) == (
        "any_of",
        ("late", "dear", "rude"),
        64,
    )
    texts = random_texts(20)
    expected = torch.sigmoid(logits_by_torch(networks.StandardHead(model), tmp_path, texts)).numpy()
    scorer = open_scorer(
        manifest,
        tmp_path / "home/registry/models/late/1",
        Compute("cpu", threads=1, precision="float32"),
    )
    scorer.load()
    assert np.abs(score(scorer, texts) - expected).max() < TOLERANCE


def test_a_trial_counts_the_tokens_that_the_model_reads(published):
    measured = measure_model(
        spec("transformer", max_tokens=4), published, strings("good box today", "bad")
    )
    assert measured.tokens_per_second == pytest.approx(
        measured.rows_per_second * (4 + 3) / 2, rel=0.01
    )


def test_a_trained_model_gives_the_labels_it_learned(published):
    data = moods()
    assert (
        compute_metrics(score(loaded(published), data.texts), data.truth, "one_of")["accuracy"]
        == 1.0
    )


def test_an_any_of_model_is_trained_and_published(tiny, tmp_path):
    data = topics()
    (tmp_path / "out").mkdir()
    find_kind("transformer").fit(
        data,
        tmp_path,
        TrainingOptions(encoder=tiny, epochs=40, frozen_layers=0, learning_rate=5e-3),
    )
    imported = find_kind("transformer").import_files(tmp_path, tmp_path / "out", None)
    assert (imported.mode, imported.labels) == ("any_of", data.labels)
    values = score(loaded(tmp_path / "out", mode="any_of", labels=data.labels), data.texts)
    assert compute_metrics(values, data.truth, "any_of")["exact_match"] > 0.9


def test_the_scores_of_a_text_do_not_depend_on_order_or_on_other_texts(published):
    scorer, texts = loaded(published), random_texts()
    together = score(scorer, texts)
    alone = np.concatenate([score(scorer, texts.slice(row, 1)) for row in range(len(texts))])
    backwards = score(scorer, texts.take(list(range(len(texts)))[::-1]))[::-1]
    assert np.abs(together - alone).max() < TOLERANCE
    assert np.abs(together - backwards).max() < TOLERANCE


def test_compute_threads_may_run_on_any_core(published):
    """Pinned threads of two models' workers would share one core and leave the other idle."""
    code = f"""
import os
from pathlib import Path
from models.interface.compute import Compute
from models.kinds.table import find_kind, open_scorer
from models.interface.scorer import score
from tests.support.models.models_fixtures import spec, strings
compute = Compute("cpu", threads=1, precision="float32")
scorer = open_scorer(spec("transformer"), Path({str(published)!r}), compute)
scorer.load()
score(scorer, strings("good box", "bad box again"))
tasks = [int(task.name) for task in Path("/proc/self/task").iterdir()]
assert len(tasks) > 1
cores = {{frozenset(os.sched_getaffinity(task)) for task in tasks}}
assert cores == {{frozenset(os.sched_getaffinity(0))}}
"""
    # of its own: publishing, above, has left threads behind
    subprocess.run([sys.executable, "-c", code], check=True)


def test_equal_texts_are_scored_once_and_each_row_gets_the_scores(published):
    scorer = loaded(published)
    prepared = scorer.prepare(strings("good", "bad", "good", "good"))
    assert len(prepared.tokens.ids) == 2
    values = scorer.finish(scorer.infer(prepared))
    assert (values[[2, 3]] == values[0]).all()
    assert (values[1] != values[0]).any()


def test_a_text_over_the_limit_is_cut_at_the_limit(published):
    scorer = loaded(published, max_tokens=8)
    words = ["the", "box", "was", "good", "again", "today"]
    cut, whole = strings(" ".join(words + ["bad"] * 50)), strings(" ".join(words))
    assert np.allclose(score(scorer, cut), score(scorer, whole), atol=1e-6)


def test_no_texts_and_texts_without_words_can_be_scored(published):
    scorer = loaded(published)
    assert score(scorer, strings()).shape == (0, 2)
    assert np.isfinite(score(scorer, strings("", " ", "\u200b"))).all()


def test_a_compiled_network_is_cached_and_gives_the_same_scores(published, tmp_path):
    texts = random_texts(20)
    first = score(loaded(published, cache=tmp_path), texts)
    assert any(tmp_path.iterdir())
    assert np.array_equal(score(loaded(published, cache=tmp_path), texts), first)


def test_the_artifacts_are_the_files_of_the_source_and_the_network(trained, published):
    assert sorted(path.name for path in published.iterdir()) == [
        "config.json",
        "head.safetensors",
        "model.safetensors",
        "openvino_model.bin",
        "openvino_model.xml",
        "tokenizer.json",
    ]
    assert (published / "model.safetensors").read_bytes() == (
        trained / "model.safetensors"
    ).read_bytes()


def test_mode_and_labels_come_from_the_source_and_no_telemetry_is_sent(
    trained, tmp_path, monkeypatch
):
    sent = []
    monkeypatch.setattr(
        TelemetrySender, "send", lambda _self, _backend, message: sent.append(message)
    )
    imported = find_kind("transformer").import_files(trained, tmp_path, None)
    assert (imported.mode, imported.labels, imported.max_tokens) == ("one_of", ("bad", "good"), 64)
    assert sent == []


@pytest.mark.parametrize(
    ("config", "requested", "limit"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, None, 256),
        ({"model_type": "bert", "max_position_embeddings": 512}, 400, 400),
        ({"model_type": "bert", "max_position_embeddings": 64}, 400, 64),
        (
            {"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1},
            999,
            512,
        ),
        ({"model_type": "t5"}, 100, 100),
    ],
)
def test_the_token_limit_is_the_requested_one_up_to_the_positions(config, requested, limit):
    assert token_limit(config, requested) == limit


def test_training_twice_gives_the_same_weights(tiny, tmp_path):
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        find_kind("transformer").fit(
            moods(), folder, TrainingOptions(encoder=tiny, epochs=1, max_rows=32)
        )
    assert (tmp_path / "a/model.safetensors").read_bytes() == (
        tmp_path / "b/model.safetensors"
    ).read_bytes()


def test_an_encoder_without_a_head_is_refused(tiny, tmp_path):
    with pytest.raises(NotAModel, match=r"its weights lack classifier\.bias, classifier\.weight"):
        find_kind("transformer").import_files(tiny, tmp_path, None)


def test_code_that_comes_with_a_model_is_not_run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "source")
    marker = tmp_path / "ran"
    (tmp_path / "source/evil.py").write_text(
        f"open({str(marker)!r}, 'w')\nclass Config: pass\nclass Model: pass\n"
    )
    auto = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    edit_json(tmp_path / "source/config.json", model_type="evil", auto_map=auto)
    (tmp_path / "out").mkdir()
    with pytest.raises(ContainsCode, match="brings Python files"):
        find_kind("transformer").import_files(tmp_path / "source", tmp_path / "out", None)
    # the second lock on the same door
    with pytest.raises(NotAModel, match="transformers cannot read it"):
        networks.load_network(tmp_path / "source")
    assert not marker.exists()


def test_a_folder_without_safetensors_is_refused(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "source")
    (tmp_path / "source/model.safetensors").unlink()
    with pytest.raises(NotAModel, match=r"it has no model\.safetensors"):
        find_kind("transformer").import_files(tmp_path / "source", tmp_path, None)


def test_training_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(MissingEncoder, match=r"model\.safetensors"):
        find_kind("transformer").fit(moods(), tmp_path, TrainingOptions())


def test_probabilities_of_large_logits_are_finite():
    logits = np.array([[1000.0, -1000.0]], dtype=np.float32)
    assert to_probabilities(logits, "one_of").tolist() == [[1, 0]]
    assert to_probabilities(logits, "any_of").tolist() == [[1, 0]]


def test_a_network_with_other_outputs_than_labels_is_refused(tiny, published, tmp_path):
    scorer = open_scorer(spec("transformer", labels=("a", "b", "c")), published, Compute(threads=1))
    with pytest.raises(WrongOutputCount, match="2 values, and the manifest names 3 labels"):
        scorer.load()
    # two labels, no names
    BertForSequenceClassification(BertConfig.from_pretrained(tiny)).save_pretrained(tmp_path)
    shutil.copyfile(tiny / "tokenizer.json", tmp_path / "tokenizer.json")
    registry = ModelRegistry(LocalPlace(tmp_path / "home"))
    with pytest.raises(NotAModel, match="2 values, and 3 labels were given"):
        publish_from(registry, "late", tmp_path, "topics", NOW, labels=("a", "b", "c"))


def test_truncated_weights_are_refused(tiny, tmp_path):
    source = shutil.copytree(tiny, tmp_path / "cut")
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(NotAModel, match="cannot be published"):
        publish_from(ModelRegistry(LocalPlace(tmp_path / "home")), "cut", source, "mood", NOW)

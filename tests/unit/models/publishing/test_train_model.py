"""Labelled texts, training, metrics, and publishing what was trained elsewhere."""

import json
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.guards.extras import MissingPackage
from models.interface.import_result import NotAModel
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.interface.training_set import BadLabels, build_labelled_texts, check_learnable, split
from models.kinds.table import UnknownKind, find_kind, open_scorer
from models.publishing.metrics import compute_metrics
from models.publishing.publish import LabelsMismatch, OptionNotSupported, publish_from
from models.publishing.registry import ModelRegistry
from models.publishing.train_model import train
from models.publishing.training_file import BadLabelledFile, read_labelled_texts
from storage.places.place import LocalPlace
from tests.support.models import light_model
from tests.support.models.models_fixtures import moods, spec, topics

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.lists(st.text(max_size=20), max_size=60), st.floats(0, 1))
def test_a_split_loses_no_row_and_keeps_equal_texts_together(texts, share):
    data = build_labelled_texts(texts, [("x",)] * len(texts), "any_of", ("x",))
    learned, measured_on = split(data, share)
    assert sorted(learned.texts.to_pylist() + measured_on.texts.to_pylist()) == sorted(texts)
    plain = [
        {" ".join(text.casefold().split()) for text in side.texts.to_pylist()}
        for side in (learned, measured_on)
    ]
    assert not plain[0] & plain[1]


def test_a_split_holds_out_about_its_share_and_does_not_change_when_rows_are_added():
    texts = [f"text {n}" for n in range(4000)]
    data = build_labelled_texts(texts, [("x",)] * len(texts), "any_of")
    measured_on = split(data, 0.1)[1]
    assert 300 < len(measured_on) < 500
    before = split(data.take(np.arange(1000)), 0.1)[1]
    assert set(before.texts.to_pylist()) == set(measured_on.texts.to_pylist()) & set(texts[:1000])


def test_the_rows_of_a_split_keep_their_labels():
    for side in split(moods(), 0.4):
        for text, truth in zip(side.texts.to_pylist(), side.truth, strict=True):
            assert side.labels[truth.argmax()] in text


def test_metrics_are_those_computed_by_hand():
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool)
    values = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], dtype=np.float32)
    one_of = compute_metrics(values, truth, "one_of")
    assert one_of == pytest.approx({"accuracy": 3 / 4, "macro_f1": (2 / 3 + 4 / 5) / 2})
    any_of = compute_metrics(
        np.array([[0.5, 0.5], [0.1, 0.1]], dtype=np.float32), truth[:2], "any_of"
    )
    assert any_of == pytest.approx(
        {"micro_f1": 2 / 4, "macro_f1": (2 / 3 + 0) / 2, "exact_match": 0}
    )


@pytest.mark.parametrize("mode", ["one_of", "any_of"])
def test_a_row_without_scores_counts_as_wrong(mode):
    truth = np.eye(2, dtype=bool)
    scored = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    rejected = np.where([[True], [False]], np.float32("nan"), scored)
    assert compute_metrics(scored, truth, mode)["macro_f1"] == 1
    assert compute_metrics(rejected, truth, mode)["macro_f1"] == pytest.approx(1 / 2)


def test_rows_and_labels_that_no_model_can_learn_from_are_named():
    with pytest.raises(BadLabels, match="Row 2 has 2 labels"):
        build_labelled_texts(["a", "b"], [("x",), ("x", "y")], "one_of")
    with pytest.raises(BadLabels, match=r"Row 1 has the label 'z'. The labels are x, y"):
        build_labelled_texts(["a"], [("z",)], "any_of", ("x", "y"))
    with pytest.raises(BadLabels, match="Found: x"):
        check_learnable(build_labelled_texts(["a", "b"], [("x",)] * 2, "one_of"))
    with pytest.raises(BadLabels, match="fails for: y"):
        check_learnable(
            build_labelled_texts(["a", "b", "c", "d"], [("x",), ("x",), ("y",), ()], "any_of")
        )


def test_training_measures_on_rows_it_did_not_learn_from_and_publishes(tmp_path):
    (tmp_path / "made").mkdir()
    data = moods()
    trained = train(
        "bow",
        "mood",
        data,
        tmp_path / "made",
        TrainingOptions(),
        "moods of the tests",
        0.25,
        light_model.install,
    )
    card = trained.spec.card
    assert card.rows_trained + card.rows_held_out == len(data)
    assert len(trained.held_out) == len(trained.values) == card.rows_held_out
    assert card.metrics == compute_metrics(trained.values, trained.held_out.truth, "one_of")
    assert card.metrics["accuracy"] == 1.0
    assert trained.spec.measured.rows == len(trained.held_out)
    registry = ModelRegistry(LocalPlace(tmp_path / "home"))
    manifest = registry.publish("mood-bow", tmp_path / "made", trained.spec, NOW)
    with registry.verified(manifest) as folder:
        scorer = open_scorer(manifest, folder)
        scorer.load()
    assert np.array_equal(score(scorer, trained.held_out.texts), trained.values)


def test_the_error_for_an_unknown_kind_lists_the_kinds():
    with pytest.raises(
        UnknownKind, match=r"no kind of model 'forest'. The kinds are: bow, transformer"
    ):
        open_scorer(spec("forest"), None)


def test_a_missing_package_names_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "models.transformer.networks", raising=False)
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / file).write_text("{}")
    with pytest.raises(MissingPackage, match=r"pip install 'chorus\[train\]'"):
        train("transformer", "mood", moods(), tmp_path, TrainingOptions(encoder=tmp_path), "")


def test_a_pipeline_is_published_if_its_labels_are_given_or_in_its_files(tmp_path):
    registry = ModelRegistry(LocalPlace(tmp_path / "home"))
    for name, data in (("one", moods()), ("any", topics())):
        (tmp_path / name).mkdir()
        find_kind("bow").fit(data, tmp_path / name, TrainingOptions())
    assert publish_from(
        registry, "one", tmp_path / "one", "mood", NOW, initializer=light_model.install
    ).labels == (
        "bad",
        "good",
    )
    with pytest.raises(LabelsMismatch, match="names the labels bad, good, not good, bad"):
        publish_from(registry, "one", tmp_path / "one", "mood", NOW, labels=("good", "bad"))
    with pytest.raises(LabelsMismatch, match="does not name its labels"):
        publish_from(registry, "any", tmp_path / "any", "topics", NOW)
    options = {"labels": ("late", "dear"), "initializer": light_model.install}
    manifest = publish_from(
        registry, "any", tmp_path / "any/pipeline.skops", "topics", NOW, **options
    )
    assert (manifest.target.mode, manifest.labels) == ("any_of", ("late", "dear"))
    assert registry.versions("one") == [1]


@pytest.mark.parametrize("option", [{"over_length": "windows"}, {"max_tokens": 16}])
def test_a_bow_model_is_not_published_with_options_about_tokens(tmp_path, option):
    registry = ModelRegistry(LocalPlace(tmp_path / "home"))
    (tmp_path / "pipeline.skops").touch()
    with pytest.raises(OptionNotSupported, match="A bow reads every text to its end"):
        publish_from(registry, "mood", tmp_path / "pipeline.skops", "mood", NOW, **option)


def test_a_bow_model_is_not_trained_to_read_windows(tmp_path):
    with pytest.raises(OptionNotSupported, match=r"Leave out .* a rule for long texts"):
        train("bow", "mood", moods(), tmp_path, TrainingOptions(over_length="windows"), "")
    assert not list(tmp_path.iterdir())


def test_a_source_that_is_no_model_is_refused(tmp_path):
    registry = ModelRegistry(LocalPlace(tmp_path / "home"))
    for source, problem in (
        (tmp_path / "gone", "not there"),
        (tmp_path, "neither config.json nor"),
    ):
        with pytest.raises(NotAModel, match=problem):
            publish_from(registry, "mood", source, "mood", NOW)


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl"])
def test_csv_tsv_and_jsonl_files_give_the_same_rows(tmp_path, name):
    file = tmp_path / name
    rows = [("dear, very\ndear", ["price"]), ("late and dear", ["delivery", "price"]), ("fine", [])]
    if name.endswith("jsonl"):
        file.write_text(
            "".join(json.dumps({"comment": text, "about": about}) + "\n" for text, about in rows)
        )
    else:
        comma = "," if name.endswith("csv") else "\t"
        lines = [f'"{text}"{comma}{"|".join(about)}\n' for text, about in rows]
        file.write_text("\ufeff" + f"comment{comma}about\n" + "".join(lines))
    data = read_labelled_texts(file, "comment", "about", "any_of")
    assert data.texts.to_pylist() == [text for text, _ in rows]
    assert data.labels == ("delivery", "price")
    assert data.truth.tolist() == [[False, True], [True, True], [False, False]]


def test_a_json_list_in_a_csv_field_is_a_list_of_labels(tmp_path):
    (tmp_path / "rows.csv").write_text('text,topics\nlate,"[""delivery"", ""price""]"\n')
    assert read_labelled_texts(
        tmp_path / "rows.csv", "text", "topics", "any_of"
    ).truth.tolist() == [[True, True]]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("rows.xlsx", b"", r"its name should end in \.csv, \.tsv, \.jsonl, \.ndjson"),
        ("rows.csv", b"", "no rows"),
        ("rows.csv", b"text,label\n", "no rows"),
        (
            "rows.csv",
            b"words,label\na,x\n",
            r"row 1 has no column 'text'. Its columns are: words, label",
        ),
        ("rows.csv", b"text,label\na,x\n  ,x\n", "row 2 has no text"),
        ("rows.csv", b"text,label\na,x\nb\n", "row 2 has an answer that is not words"),
        ("rows.csv", b"text,label\na,x\n\xff,x\n", "is not UTF-8"),
        ("rows.jsonl", b'{"text": "a", "label": "x"}\n{"text": \n', "row 2 is not JSON"),
        ("rows.jsonl", b'["a", "x"]\n', "row 1 is not a JSON object"),
        ("rows.jsonl", b'{"text": "a", "label": 3}\n', "row 1 has an answer that is not words"),
    ],
)
def test_an_unreadable_file_is_reported_with_row_and_problem(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadLabelledFile, match=problem):
        read_labelled_texts(tmp_path / name, "text", "label", "one_of")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(BadLabelledFile, match="not there"):
        read_labelled_texts(tmp_path / "gone.csv", "text", "label", "one_of")

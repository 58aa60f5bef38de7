"""The kind bow: training, import and scoring, and what is refused."""

from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from models.bow.sklearn_scorer import PIPELINE, WrongLabels
from models.bow.skops_file import UntrustedTypes, _skops_io, load_skops
from models.interface.import_result import NotAModel
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.kinds.table import find_kind, open_scorer
from models.publishing.metrics import compute_metrics
from tests.support.models.models_fixtures import moods, spec, strings, topics


def shout(texts):
    return [text.upper() for text in texts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("moods")
    find_kind("bow").fit(moods(), made, TrainingOptions())
    return made


def loaded(folder, **what):
    scorer = open_scorer(spec(**what), folder)
    scorer.load()
    return scorer


def test_one_of_rows_are_probabilities_that_sum_to_one_in_the_order_of_the_labels(folder):
    values = score(loaded(folder), strings("the parcel was good today", "the box was bad"))
    assert values.dtype == np.float32
    assert values.shape == (2, 2)
    assert np.allclose(values.sum(axis=1), 1, atol=1e-6)
    assert values.argmax(axis=1).tolist() == [1, 0]


def test_any_of_labels_are_independent(tmp_path):
    data = topics()
    find_kind("bow").fit(data, tmp_path, TrainingOptions())
    values = score(loaded(tmp_path, mode="any_of", labels=data.labels), data.texts)
    assert values.shape == data.truth.shape
    assert compute_metrics(values, data.truth, "any_of")["exact_match"] == 1.0


def test_a_large_vocabulary_is_saved_in_few_files_so_that_it_loads_quickly(folder):
    with ZipFile(folder / PIPELINE) as packed:
        names = packed.namelist()
    pipeline = load_skops(folder / PIPELINE)
    words = sum(
        len(part.vocabulary_) for _, part in pipeline.named_steps["features"].transformer_list
    )
    assert words > 50
    assert len(names) < 20


def test_the_scores_are_those_of_the_pipeline(folder):
    texts = strings("the shop was very good", "late again", "price", "unheard-of words")
    expected = load_skops(folder / PIPELINE).predict_proba(texts.to_pylist())
    assert np.allclose(score(loaded(folder), texts), expected, atol=1e-6)


def test_no_texts_give_no_rows(folder):
    assert score(loaded(folder), strings()).shape == (0, 2)


def test_a_pipeline_with_other_labels_than_the_manifest_is_refused(folder):
    for labels in (("good", "bad"), ("bad", "good", "worst")):
        with pytest.raises(WrongLabels, match="labels are bad, good"):
            loaded(folder, labels=labels)


def test_a_type_that_is_not_scikit_learns_own_is_refused_and_named(tmp_path):
    steps = [
        ("shout", FunctionTransformer(shout)),
        ("count", CountVectorizer()),
        ("head", LogisticRegression()),
    ]
    pipeline = Pipeline(steps).fit(["good", "bad"], ["good", "bad"])
    _skops_io().dump(pipeline, tmp_path / PIPELINE)
    with pytest.raises(UntrustedTypes, match=r"test_bow\.shout") as caught:
        loaded(tmp_path)
    assert caught.value.types == [f"{__name__}.shout"]
    with pytest.raises(UntrustedTypes):
        find_kind("bow").import_files(tmp_path, tmp_path, None)


def test_a_pipeline_is_imported_with_its_labels(folder, tmp_path):
    for source in (folder, folder / PIPELINE):
        imported = find_kind("bow").import_files(source, tmp_path, None)
        assert (imported.mode, imported.labels, imported.max_tokens) == (
            "one_of",
            ("bad", "good"),
            None,
        )
        assert (tmp_path / PIPELINE).read_bytes() == (folder / PIPELINE).read_bytes()


def test_an_any_of_pipeline_is_imported_without_labels(tmp_path):
    find_kind("bow").fit(topics(), tmp_path, TrainingOptions())
    (tmp_path / "out").mkdir()
    imported = find_kind("bow").import_files(tmp_path, tmp_path / "out", None)
    assert (imported.mode, imported.labels) == ("any_of", None)


def test_a_pickle_a_folder_without_skops_and_a_model_without_probabilities_are_refused(tmp_path):
    (tmp_path / "model.skops").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(NotAModel, match="no skops file"):
        find_kind("bow").import_files(tmp_path / "model.skops", tmp_path, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAModel, match=r"0 \.skops files"):
        find_kind("bow").import_files(tmp_path / "empty", tmp_path, None)
    pipeline = Pipeline([("count", CountVectorizer()), ("head", LinearSVC())]).fit(
        ["good", "bad"], ["good", "bad"]
    )
    _skops_io().dump(pipeline, tmp_path / "empty" / "svc.skops")
    with pytest.raises(NotAModel, match="no probabilities"):
        find_kind("bow").import_files(tmp_path / "empty", tmp_path, None)


def test_an_estimator_without_a_pipeline_and_a_file_with_another_schema_are_refused(tmp_path):
    alone = LogisticRegression().fit([[0], [1]], ["bad", "good"])
    _skops_io().dump(alone, tmp_path / "alone.skops")
    with pytest.raises(NotAModel, match="a LogisticRegression, and a Pipeline"):
        find_kind("bow").import_files(tmp_path / "alone.skops", tmp_path, None)
    with ZipFile(tmp_path / "list.skops", "w") as packed:
        packed.writestr("schema.json", "[]")
    with pytest.raises(NotAModel, match="no skops file"):
        find_kind("bow").import_files(tmp_path / "list.skops", tmp_path, None)

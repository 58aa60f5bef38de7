"""Lower precisions of a transformer: checked when it is published, kept if its labels stay."""

import shutil
import sys

import numpy as np
import openvino
import pytest

from models.interface import precision
from models.interface.compute import Compute
from models.interface.precision import MIN_ROWS
from models.interface.scorer import score
from models.interface.training_options import TrainingOptions
from models.kinds.table import find_kind, open_scorer
from models.transformer import quantize
from models.transformer.files import INT8_NETWORK, NETWORK
from models.transformer.quantize import _wide_range_products
from tests.support.models.models_fixtures import WORDS, encoder, moods, spec, strings

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The folder of a version whose model tells good from bad."""
    made = tmp_path_factory.mktemp("quantize")
    tiny = encoder(made / "tiny")
    for folder in ("trained", "imported"):
        (made / folder).mkdir()
    find_kind("transformer").fit(
        moods(),
        made / "trained",
        TrainingOptions(encoder=tiny, epochs=40, frozen_layers=0, learning_rate=5e-3),
    )
    find_kind("transformer").import_files(made / "trained", made / "imported", None)
    return made / "imported"


@pytest.fixture
def published(imported, tmp_path):
    """A copy of that folder, to which other precisions may be added."""
    return shutil.copytree(imported, tmp_path / "published")


@pytest.fixture
def warnings(monkeypatch):
    """The warnings of a check, as they are logged."""
    messages = []
    monkeypatch.setattr(
        quantize.log, "warning", lambda text, *values: messages.append(text % values)
    )
    return messages


SPEC = spec("transformer", max_tokens=64)


def texts(rows):
    """Return texts with the word good or bad in each, so that their labels are clear."""
    chance = np.random.default_rng(1)
    return strings(
        *(f"the {chance.choice(WORDS)} was {('good', 'bad')[row % 2]} {row}" for row in range(rows))
    )


def test_int8_is_offered_and_chosen_when_the_labels_do_not_change(published):
    checks = find_kind("transformer").check_precisions(
        SPEC, published, moods().texts, texts(MIN_ROWS)
    )
    int8 = checks[-1]
    assert (int8.precision, int8.rows, int8.passed) == ("int8", MIN_ROWS, True)
    assert (published / INT8_NETWORK).is_file()
    assert (published / INT8_NETWORK).with_suffix(".bin").is_file()
    # so tiny, it is not
    fast = [check.model_copy(update={"speed": 2.0 + at}) for at, check in enumerate(checks)]
    values = {}
    for coarsest in ("float32", "int8"):
        compute = Compute(threads=1, precision=coarsest)
        scorer = open_scorer(
            SPEC.model_copy(update={"precisions": tuple(fast)}), published, compute
        )
        scorer.load()
        values[coarsest] = score(scorer, texts(50))
    assert not np.array_equal(values["float32"], values["int8"])
    assert np.array_equal(values["float32"].argmax(axis=1), values["int8"].argmax(axis=1))


def test_the_int8_network_is_removed_when_too_many_labels_change(published, monkeypatch):
    monkeypatch.setattr(precision, "MIN_AGREEMENT", 1.01)
    checks = find_kind("transformer").check_precisions(
        SPEC, published, moods().texts, texts(MIN_ROWS)
    )
    assert not checks[-1].passed
    assert not list(published.glob("openvino_int8*"))


def test_with_too_few_texts_no_precision_is_checked(published, warnings):
    assert (
        find_kind("transformer").check_precisions(
            SPEC, published, moods().texts, texts(MIN_ROWS - 1)
        )
        == ()
    )
    assert warnings == ["int8 was not tried: 199 texts to check it with, and 200 are needed"]
    assert not list(published.glob("openvino_int8*"))


def test_a_kind_with_one_precision_offers_no_other(tmp_path):
    assert (
        find_kind("bow").check_precisions(spec("bow"), tmp_path, moods().texts, texts(MIN_ROWS))
        == ()
    )


def test_products_behind_a_layer_norm_have_narrow_ranges(published):
    wide = _wide_range_products(openvino.Core().read_model(published / NETWORK))
    # of each layer those behind the attention and behind the GELU, and the head
    assert len(wide) == 2 * 2 + 1
    assert not [
        name
        for name in wide
        if any(part in name for part in ("query", "key", "value", "intermediate"))
    ]


def test_without_nncf_a_model_is_published_without_int8(published, monkeypatch, warnings):
    monkeypatch.setitem(sys.modules, "nncf", None)
    assert (
        find_kind("transformer").check_precisions(SPEC, published, moods().texts, texts(MIN_ROWS))
        == ()
    )
    assert len(warnings) == 1
    assert warnings[0].startswith("int8 was not tried: import of nncf")
    assert not list(published.glob("openvino_int8*"))

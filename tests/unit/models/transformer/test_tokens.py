"""Tokens of a chunk: equal texts once, long ones cut or in windows whose answers are averaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.transformer.tokens import ModelTokenizer, TokenizedTexts
from tests.support.models.models_fixtures import encoder, spec, strings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return encoder(tmp_path_factory.mktemp("encoder") / "tiny")


def tokenize(folder, over_length, *texts, max_tokens=5):
    model_spec = spec("transformer", max_tokens=max_tokens).model_copy(
        update={"over_length": over_length}
    )
    return ModelTokenizer(model_spec, folder).tokenize(strings(*texts))


def test_equal_texts_are_tokenized_once(folder):
    tokens = tokenize(folder, "truncate", "the box", "late", "the box")
    assert tokens.rows.tolist() == [0, 1, 0]
    assert len(tokens.ids) == 2


def test_a_long_text_is_cut_and_keeps_its_last_special_token(folder):
    tokens = tokenize(folder, "truncate", "the parcel was late and dear today")
    assert tokens.ids == [tokenize(folder, "truncate", "the parcel was").ids[0]]


def test_windows_hold_every_token_of_a_long_text_once(folder):
    words = ["the", "parcel", "was", "late", "and", "dear", "today"]
    tokens = tokenize(folder, "windows", "good", " ".join(words))
    assert tokens.texts.tolist() == [0, 1, 1, 1]
    assert tokens.lengths.tolist() == [3, 5, 5, 3]
    complete = tokenize(folder, "windows", " ".join(words), max_tokens=50).ids[0]
    inner = [token for window in tokens.ids[1:] for token in window[1:-1]]
    assert inner == complete[1:-1]
    assert {(window[0], window[-1]) for window in tokens.ids} == {(complete[0], complete[-1])}


@given(st.data())
def test_a_row_gets_the_mean_of_its_windows_weighted_by_their_tokens(data):
    counts = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))  # windows of each text
    lengths = data.draw(st.lists(st.integers(2, 300), min_size=sum(counts), max_size=sum(counts)))
    rows = data.draw(st.lists(st.integers(0, len(counts) - 1), max_size=10))
    values = np.random.default_rng(data.draw(st.integers(0, 100))).random(
        (sum(counts), 3), dtype=np.float32
    )
    texts = np.repeat(np.arange(len(counts)), counts)
    tokens = TokenizedTexts(
        np.array(rows, dtype=np.int64),
        texts,
        [[0] * length for length in lengths],
        np.array(lengths),
    )
    answers = tokens.average_windows(values)
    assert answers.dtype == np.float32
    for row, text in enumerate(rows):
        windows = texts == text
        expected = np.average(values[windows], axis=0, weights=np.array(lengths)[windows])
        assert np.allclose(answers[row], expected, atol=1e-6)


def test_no_texts_have_no_tokens_and_no_answers(folder):
    tokens = tokenize(folder, "windows")
    assert tokens.ids == []
    assert tokens.average_windows(np.empty((0, 2), dtype=np.float32)).shape == (0, 2)

"""The GPU scorer of the kind transformer, here on the CPU: the scores of each text scores_alone."""

import numpy as np
import pytest
import torch

from models.gpu.torch_scorer import TorchScorer
from models.interface.compute import Compute
from models.interface.scorer import score
from models.transformer import networks
from models.transformer.files import open_tokenizer
from models.transformer.openvino_scorer import to_probabilities
from tests.support.models.models_fixtures import WORDS, encoder, spec, strings
from tests.support.models.networks_fixtures import logits_alone

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with the files that a GPU needs of a model with the mean head."""
    folder = encoder(tmp_path_factory.mktemp("published") / "tiny")
    torch.manual_seed(1)
    networks.save_network(networks.add_new_head(folder, ("bad", "good")), folder)
    return folder


def loaded(folder, **what):
    scorer = TorchScorer(spec("transformer", **what), folder, Compute(device="cpu", threads=1))
    scorer.load()
    return scorer


def random_texts(rows=120):
    """Return texts of 1 to 40 words."""
    chance = np.random.default_rng(1)
    return strings(*(" ".join(chance.choice(WORDS, chance.integers(1, 41))) for _ in range(rows)))


def scores_alone(folder, texts, mode="one_of"):
    tokenizer = open_tokenizer(folder, 64)
    ids = [tokenizer.encode(text).ids for text in texts.to_pylist()]
    return to_probabilities(logits_alone(networks.load_network(folder), ids), mode)


@pytest.mark.parametrize("mode", ["one_of", "any_of"])
def test_scores_are_those_of_each_text_alone(published, mode):
    texts = random_texts()
    values, expected = (
        score(loaded(published, mode=mode, max_tokens=64), texts),
        scores_alone(published, texts, mode),
    )
    assert values.dtype == np.float32
    assert np.abs(values - expected).max() < 1e-4
    assert expected.std(axis=0).min() > 0.01  # the texts are told apart


def test_equal_texts_are_scored_once_and_each_row_gets_the_scores(published):
    scorer = loaded(published)
    prepared = scorer.prepare(strings("good", "bad", "good", "good"))
    assert len(prepared.packed.lengths) == 2
    values = scorer.finish(scorer.infer(prepared))
    assert (values[[2, 3]] == values[0]).all()
    assert (values[1] != values[0]).any()


def test_several_chunks_can_be_queued_at_once(published):
    scorer, texts = loaded(published, max_tokens=64), random_texts()
    queued = [scorer.infer(scorer.prepare(texts.slice(start, 40))) for start in (0, 40, 80)]
    values = np.concatenate([scorer.finish(chunk) for chunk in queued])
    assert np.abs(values - scores_alone(published, texts)).max() < 1e-4


def test_no_texts_and_texts_without_words_can_be_scored(published):
    scorer = loaded(published)
    assert score(scorer, strings()).shape == (0, 2)
    assert np.isfinite(score(scorer, strings("", " ", "\u200b"))).all()

"""Texts end to end in one row of tokens: the same answers as for each text alone."""

import subprocess
import sys
from inspect import signature

import numpy as np
import pytest
import torch
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention

from models.gpu import packed
from models.gpu.batch_limit import BatchLimit
from models.gpu.engine import TorchEngine
from models.gpu.network import PaddedNetwork, open_network
from models.gpu.packed import NotPackable, PackedNetwork, _attention_by_length
from tests.support.models.networks_fixtures import LABELS, logits_alone, network, token_ids

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
LENGTHS = np.random.default_rng(2).integers(1, 41, 60)
heads = pytest.mark.parametrize("head", ["mean", "standard"])
architectures = pytest.mark.parametrize(
    "architecture", ["bert", "roberta", "distilbert", "electra"]
)


def opened(architecture="bert", head="mean", dtype=torch.float32):
    """The network, the id of its pad token, some texts and the logits of each of them alone."""
    model, pad = network(architecture, head)
    ids = token_ids(pad, LENGTHS)
    expected = logits_alone(model, ids)
    return open_network(model, CPU, dtype, pad), pad, ids, expected


def logits(net, pad, ids, budget=200):
    engine = TorchEngine(net, CPU, LABELS, pad, BatchLimit(budget, "cpu"))
    return engine.wait(
        engine.enqueue(engine.pack(ids, np.array([len(text) for text in ids], dtype=np.int64)))
    )


@heads
@architectures
def test_packed_texts_get_the_logits_they_get_alone(architecture, head):
    net, pad, ids, expected = opened(architecture, head)
    assert isinstance(net, PackedNetwork)
    found = logits(net, pad, ids)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4
    assert expected.std(axis=0).min() > 0.05  # the texts are told apart


@heads
def test_neither_company_nor_order_nor_budget_changes_an_answer(head):
    net, pad, ids, expected = opened(head=head)
    backwards = logits(net, pad, ids[::-1])[::-1]
    few = np.concatenate(
        [logits(net, pad, ids[start : start + 7]) for start in range(0, len(ids), 7)]
    )
    for found in (
        backwards,
        few,
        logits(net, pad, ids, budget=1),
        logits(net, pad, ids, budget=10**6),
    ):
        assert np.abs(found - expected).max() < 1e-4


def test_a_chunk_may_be_started_before_the_one_before_is_fetched():
    net, pad, ids, expected = opened()
    engine = TorchEngine(net, CPU, LABELS, pad, BatchLimit(200, "cpu"))
    started = [
        engine.enqueue(engine.pack(ids[part], LENGTHS[part]))
        for part in (slice(0, 20), slice(20, 60))
    ]
    assert np.abs(np.concatenate([engine.wait(one) for one in started]) - expected).max() < 1e-4


def test_no_texts_are_no_trouble():
    net, pad, _, _ = opened()
    assert logits(net, pad, []).shape == (0, LABELS)


def test_a_text_without_tokens_is_a_pad_token_and_disturbs_nobody():
    net, pad, ids, expected = opened()
    found = logits(net, pad, [*ids[:5], [], *ids[5:]])
    assert np.isfinite(found[5]).all()
    assert np.abs(np.delete(found, 5, axis=0) - expected).max() < 1e-4


@heads
def test_bfloat16_is_near_and_its_head_computes_in_float32(head):
    net, pad, ids, expected = opened("roberta", head, torch.bfloat16)
    assert isinstance(net, PackedNetwork)
    found = logits(net, pad, ids)
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
    assert (torch.from_numpy(found).bfloat16().float().numpy() != found).any()


@heads
def test_an_encoder_that_weighs_distances_gets_padded_texts(head, caplog):
    net, pad, ids, expected = opened("mpnet", head)
    assert isinstance(net, PaddedNetwork)
    assert "cannot be given packed texts" in caplog.text
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


@heads
def test_texts_that_see_each_other_are_found_out_and_padded(head, monkeypatch):
    def everywhere(rows, _starts):
        query, key, value = (row.transpose(0, 1) for row in rows)
        return scaled_dot_product_attention(query, key, value).transpose(0, 1)

    monkeypatch.setattr(packed, "_attention_by_length", everywhere)
    net, pad, ids, expected = opened("bert", head)
    assert isinstance(net, PaddedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


@heads
def test_wrong_positions_are_found_out(head, monkeypatch):
    monkeypatch.setattr(packed, "_first_position", lambda _encoder: 0)
    net, pad, ids, expected = opened("roberta", head)
    assert isinstance(net, PaddedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


@heads
@architectures
def test_the_kernel_of_a_gpu_is_given_what_it_asks_for(architecture, head, monkeypatch):
    """As far as that can be seen without one."""
    kernel, calls = signature(varlen.varlen_attn), []

    def stand_in(*args):
        asked = kernel.bind(*args).arguments
        query, starts = asked["query"], asked["cu_seq_q"]
        assert query.dtype == torch.bfloat16
        assert all(
            asked[name].shape == (starts[-1], 4, 8) and asked[name].is_contiguous()
            for name in ("key", "value")
        )
        assert starts.dtype == torch.int32
        assert asked["max_q"] == asked["max_k"] == starts.diff().max()
        calls.append(query)
        rows = [asked[name] for name in ("query", "key", "value")]
        return _attention_by_length(rows, starts.tolist())

    monkeypatch.setattr(varlen, "varlen_attn", stand_in)
    monkeypatch.setattr(packed, "_has_kernel", lambda query: query.dtype == torch.bfloat16)
    net, pad, ids, expected = opened(architecture, head, torch.bfloat16)
    assert isinstance(net, PackedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 0.3 * np.abs(expected).max()
    assert calls


def test_an_encoder_without_a_table_of_positions_gets_padded_texts(monkeypatch):
    def no_table(_encoder):
        raise NotPackable("it has no table of positions")

    monkeypatch.setattr(packed, "_first_position", no_table)
    net, pad, ids, expected = opened()
    assert isinstance(net, PaddedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


def test_a_pad_token_may_be_the_last_of_the_vocabulary():
    model, _ = network("bert", "mean")
    ids = token_ids(0, LENGTHS)
    net = open_network(model, CPU, torch.float32, pad=49)
    assert np.abs(logits(net, 49, ids) - logits_alone(network("bert", "mean")[0], ids)).max() < 1e-4


def test_the_engine_needs_torch_transformers_tokenizers_and_numpy_alone():
    others = (
        "pyarrow",
        "pydantic",
        "openvino",
        "fsspec",
        "celery",
        "redis",
        "click",
        "sklearn",
        "pandas",
    )
    code = f"""
import sys
sys.modules.update(dict.fromkeys({others}))  # None: cannot be imported
import models.transformer.networks, models.gpu.engine, models.gpu.network, models.transformer.files
"""
    subprocess.run([sys.executable, "-c", code], check=True)

"""Texts end to end in one row of tokens: the same logits as for each text alone."""

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


def open_with_texts(architecture="bert", head="mean", dtype=torch.float32):
    """Return a network, the id of its pad token, texts and the logits of each text alone."""
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
    net, pad, ids, expected = open_with_texts(architecture, head)
    assert isinstance(net, PackedNetwork)
    values = logits(net, pad, ids)
    assert values.dtype == np.float32
    assert np.abs(values - expected).max() < 1e-4
    assert expected.std(axis=0).min() > 0.05  # the texts are told apart


@heads
def test_neither_other_texts_nor_order_nor_budget_changes_logits(head):
    net, pad, ids, expected = open_with_texts(head=head)
    backwards = logits(net, pad, ids[::-1])[::-1]
    few = np.concatenate(
        [logits(net, pad, ids[start : start + 7]) for start in range(0, len(ids), 7)]
    )
    for values in (
        backwards,
        few,
        logits(net, pad, ids, budget=1),
        logits(net, pad, ids, budget=10**6),
    ):
        assert np.abs(values - expected).max() < 1e-4


def test_a_chunk_can_be_enqueued_while_another_is_pending():
    net, pad, ids, expected = open_with_texts()
    engine = TorchEngine(net, CPU, LABELS, pad, BatchLimit(200, "cpu"))
    started = [
        engine.enqueue(engine.pack(ids[part], LENGTHS[part]))
        for part in (slice(0, 20), slice(20, 60))
    ]
    assert np.abs(np.concatenate([engine.wait(one) for one in started]) - expected).max() < 1e-4


def test_no_texts_give_no_logits():
    net, pad, _, _ = open_with_texts()
    assert logits(net, pad, []).shape == (0, LABELS)


def test_a_text_without_tokens_becomes_a_pad_token_and_changes_no_other_text():
    net, pad, ids, expected = open_with_texts()
    values = logits(net, pad, [*ids[:5], [], *ids[5:]])
    assert np.isfinite(values[5]).all()
    assert np.abs(np.delete(values, 5, axis=0) - expected).max() < 1e-4


@heads
def test_bfloat16_logits_are_close_and_the_head_computes_in_float32(head):
    net, pad, ids, expected = open_with_texts("roberta", head, torch.bfloat16)
    assert isinstance(net, PackedNetwork)
    values = logits(net, pad, ids)
    assert np.abs(values - expected).max() < 0.1 * np.abs(expected).max()
    assert (torch.from_numpy(values).bfloat16().float().numpy() != values).any()


@heads
def test_an_encoder_with_distance_biases_gets_padded_texts(head, caplog):
    net, pad, ids, expected = open_with_texts("mpnet", head)
    assert isinstance(net, PaddedNetwork)
    assert "cannot be given packed texts" in caplog.text
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


@heads
def test_attention_across_texts_is_detected_and_texts_are_padded(head, monkeypatch):
    def everywhere(rows, _starts):
        query, key, value = (row.transpose(0, 1) for row in rows)
        return scaled_dot_product_attention(query, key, value).transpose(0, 1)

    monkeypatch.setattr(packed, "_attention_by_length", everywhere)
    net, pad, ids, expected = open_with_texts("bert", head)
    assert isinstance(net, PaddedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


@heads
def test_wrong_positions_are_detected(head, monkeypatch):
    monkeypatch.setattr(packed, "_first_position", lambda _encoder: 0)
    net, pad, ids, expected = open_with_texts("roberta", head)
    assert isinstance(net, PaddedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


@heads
@architectures
def test_the_gpu_kernel_gets_the_arguments_that_it_expects(architecture, head, monkeypatch):
    """Call a stand-in for the kernel, which needs a GPU."""
    kernel, calls = signature(varlen.varlen_attn), []

    def stand_in(*args):
        given = kernel.bind(*args).arguments
        query, starts = given["query"], given["cu_seq_q"]
        assert query.dtype == torch.bfloat16
        assert all(
            given[name].shape == (starts[-1], 4, 8) and given[name].is_contiguous()
            for name in ("key", "value")
        )
        assert starts.dtype == torch.int32
        assert given["max_q"] == given["max_k"] == starts.diff().max()
        calls.append(query)
        rows = [given[name] for name in ("query", "key", "value")]
        return _attention_by_length(rows, starts.tolist())

    monkeypatch.setattr(varlen, "varlen_attn", stand_in)
    monkeypatch.setattr(packed, "_has_kernel", lambda query: query.dtype == torch.bfloat16)
    net, pad, ids, expected = open_with_texts(architecture, head, torch.bfloat16)
    assert isinstance(net, PackedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 0.3 * np.abs(expected).max()
    assert calls


def test_an_encoder_without_a_table_of_positions_gets_padded_texts(monkeypatch):
    def no_table(_encoder):
        raise NotPackable("it has no table of positions")

    monkeypatch.setattr(packed, "_first_position", no_table)
    net, pad, ids, expected = open_with_texts()
    assert isinstance(net, PaddedNetwork)
    assert np.abs(logits(net, pad, ids) - expected).max() < 1e-4


def test_a_pad_token_may_be_the_last_of_the_vocabulary():
    model, _ = network("bert", "mean")
    ids = token_ids(0, LENGTHS)
    net = open_network(model, CPU, torch.float32, pad=49)
    assert np.abs(logits(net, 49, ids) - logits_alone(network("bert", "mean")[0], ids)).max() < 1e-4


def test_the_engine_needs_only_torch_transformers_tokenizers_and_numpy():
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

"""Tiny encoders of several architectures with random weights, and their logits for single texts."""

import numpy as np
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    MPNetConfig,
    RobertaConfig,
)

from models.transformer.networks import MeanHead, StandardHead

LABELS = 3
_SIZE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "num_labels": LABELS,
    "initializer_range": 0.5,  # wide, so that answers differ from text to text
}
_OTHER_NAMES = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}  # DistilBERT's own
CONFIGS = {
    "bert": lambda: BertConfig(**_SIZE),
    "roberta": lambda: RobertaConfig(**_SIZE, pad_token_id=1, bos_token_id=0, eos_token_id=2),
    "distilbert": lambda: DistilBertConfig(**{**_SIZE, **_OTHER_NAMES}),
    "electra": lambda: ElectraConfig(**_SIZE, embedding_size=16),
    "mpnet": lambda: MPNetConfig(**_SIZE),
}


def network(architecture, head):
    """Return a model of models.transformer.networks, on the CPU, and the id of its pad token."""
    torch.manual_seed(1)
    config = CONFIGS[architecture]()
    if head == "mean":
        return MeanHead(AutoModel.from_config(config), LABELS).eval(), config.pad_token_id
    return StandardHead(
        AutoModelForSequenceClassification.from_config(config)
    ).eval(), config.pad_token_id


def token_ids(pad, lengths):
    """Return the ids of random texts of so many tokens."""
    chance = np.random.default_rng(1)
    return [chance.integers(pad + 1, _SIZE["vocab_size"], length).tolist() for length in lengths]


def logits_alone(model, ids):
    """Return the logits of each text alone, without padding: float32 [texts, labels]."""
    with torch.no_grad():
        rows = [torch.tensor([text]) for text in ids]
        return torch.cat([model(row, torch.ones_like(row)) for row in rows]).numpy()

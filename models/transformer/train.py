"""Trains the kind `transformer`: fine-tunes an encoder with torch and transformers, which no
scoring process needs.
"""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.guards.extras import require_extra
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts
from models.transformer.batches import TokenBatch, make_batches, pad_batch
from models.transformer.export import silence_libraries
from models.transformer.files import (
    ENCODER_FILES,
    TOKENIZER,
    check_encoder_files,
    open_tokenizer,
    pad_token,
)
from storage.errors import BadRequest

if TYPE_CHECKING:
    from models.transformer.networks import MeanHead  # imports torch

PROBLEMS = {"one_of": "single_label_classification", "any_of": "multi_label_classification"}

_WINDOW = 512  # rows that are sorted by length together, after all rows were shuffled
_HEAD_RATE = 1e-3  # at least: the head starts from nothing
_WARM_UP = 0.1  # share of the steps


class MissingEncoder(BadRequest):
    """A transformer was to be trained from nothing."""

    def __init__(self) -> None:
        super().__init__(
            f"Training a transformer needs an encoder: a folder with {', '.join(ENCODER_FILES)}."
        )


def fit(data: LabelledTexts, folder: Path, options: TrainingOptions) -> None:
    """Fine-tune the encoder with the head of models.transformer.networks; writes the three files of
    that and tokenizer.json.

    Raises MissingEncoder, NotAModel, MissingPackage.
    """
    if options.encoder is None:
        raise MissingEncoder
    check_encoder_files(options.encoder)
    with require_extra("train", "Training a transformer"), silence_libraries():
        import torch

        from models.transformer.networks import add_new_head, save_network

        torch.manual_seed(options.seed)
        model = add_new_head(
            options.encoder,
            data.labels,
            problem_type=PROBLEMS[data.mode],
            # a few passes do not overfit, and with dropout a step takes half as long again
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        _hold_still(model, options.frozen_layers)
        _learn(model, options.encoder, _chosen(data, options), options)
        save_network(model, folder)
    shutil.copyfile(options.encoder / TOKENIZER, folder / TOKENIZER)


def _hold_still(model: "MeanHead", layers: int) -> None:
    """Keep the embeddings and the lower layers as they are; nothing is kept for 0."""
    for name, weights in model.encoder.named_parameters():
        # how BERT, RoBERTa, DistilBERT and their kin name them
        layer = re.search(r"\blayers?\.(\d+)\.", name)
        if layers and (name.startswith("embeddings.") or (layer and int(layer[1]) < layers)):
            weights.requires_grad = False


def _chosen(data: LabelledTexts, options: TrainingOptions) -> LabelledTexts:
    if options.max_rows is None or options.max_rows >= len(data):
        return data
    return data.take(
        np.random.default_rng(options.seed).choice(len(data), options.max_rows, replace=False)
    )


def _learn(model: "MeanHead", encoder: Path, data: LabelledTexts, options: TrainingOptions) -> None:
    """AdamW; the rate rises over the first tenth of the steps and falls to nothing over the rest."""
    import torch

    pad = pad_token(encoder)
    found = open_tokenizer(encoder, options.max_tokens).encode_batch_fast(data.texts.to_pylist())
    tokens = [encoding.ids for encoding in found]
    one_of, functions = data.mode == "one_of", torch.nn.functional
    loss = functions.cross_entropy if one_of else functions.binary_cross_entropy_with_logits
    truth = torch.from_numpy(data.truth.argmax(axis=1) if one_of else data.truth.astype(np.float32))
    steps = _steps(tokens, options)
    optimizer = torch.optim.AdamW(_groups(model, options.learning_rate), fused=True)
    warm = max(1, int(_WARM_UP * len(steps)))
    slope = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm, (len(steps) - step) / max(1, len(steps) - warm)),
    )
    model.train()
    for batch in steps:
        ids, mask = map(torch.from_numpy, pad_batch(tokens, batch, pad))
        loss(model(ids, mask), truth[batch.rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        slope.step()
    model.eval()


def _steps(tokens: list[list[int]], options: TrainingOptions) -> list[TokenBatch]:
    """Batches of like lengths in random order, for all epochs."""
    chance = np.random.default_rng(options.seed)
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    steps: list[TokenBatch] = []
    for _ in range(options.epochs):
        rows = chance.permutation(len(tokens))
        made = [
            TokenBatch(window[batch.rows], batch.width)
            for window in np.array_split(rows, -(-len(rows) // _WINDOW))
            for batch in make_batches(lengths[window], options.step_tokens)
        ]
        steps += [made[place] for place in chance.permutation(len(made))]
    return steps


def _groups(model: "MeanHead", rate: float) -> list[dict[str, Any]]:
    learning = [weights for weights in model.encoder.parameters() if weights.requires_grad]
    return [
        {"params": learning, "lr": rate},
        {"params": list(model.linear.parameters()), "lr": max(rate, _HEAD_RATE)},
    ]

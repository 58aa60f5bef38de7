"""Training of the kind `transformer`: an encoder is fine-tuned with torch and transformers."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.guards.extras import require_extra
from models.interface.training_options import TrainingOptions
from models.interface.training_set import LabelledTexts
from models.transformer.batches import TokenBatch, make_batches, pad_batch
from models.transformer.files import (
    ENCODER_FILES,
    TOKENIZER,
    check_encoder_files,
    open_tokenizer,
    pad_token,
)
from models.transformer.silence import silence_libraries
from storage.errors import BadRequest

if TYPE_CHECKING:
    from models.transformer.networks import MeanHead  # imports torch

PROBLEMS = {"one_of": "single_label_classification", "any_of": "multi_label_classification"}

_WINDOW = 512  # rows that are sorted by length together, after all rows were shuffled
_MIN_HEAD_RATE = 1e-3  # the head starts from random weights
_WARM_UP = 0.1  # share of the steps


class MissingEncoder(BadRequest):
    """A transformer that was to be trained without an encoder to start from."""

    def __init__(self) -> None:
        super().__init__(
            f"Training a transformer needs an encoder: a folder with {', '.join(ENCODER_FILES)}."
        )


def fit(data: LabelledTexts, folder: Path, options: TrainingOptions) -> None:
    """Fine-tune an encoder with the mean head, and write both with tokenizer.json to `folder`.

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
            # A few epochs do not overfit, and with dropout a step takes half as long again.
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        _freeze(model, options.frozen_layers)
        _learn(model, options.encoder, _sample(data, options), options)
        save_network(model, folder)
    shutil.copyfile(options.encoder / TOKENIZER, folder / TOKENIZER)


def _freeze(model: "MeanHead", layers: int) -> None:
    """Freeze so many lower layers, and with them the embeddings; none for 0."""
    for name, weights in model.encoder.named_parameters():
        # the names in BERT, RoBERTa, DistilBERT and their relatives
        layer = re.search(r"\blayers?\.(\d+)\.", name)
        if layers and (name.startswith("embeddings.") or (layer and int(layer[1]) < layers)):
            weights.requires_grad = False


def _sample(data: LabelledTexts, options: TrainingOptions) -> LabelledTexts:
    if options.max_rows is None or options.max_rows >= len(data):
        return data
    return data.take(
        np.random.default_rng(options.seed).choice(len(data), options.max_rows, replace=False)
    )


def _learn(model: "MeanHead", encoder: Path, data: LabelledTexts, options: TrainingOptions) -> None:
    """Train with AdamW; the learning rate rises over a tenth of the steps, then falls to 0."""
    import torch

    pad = pad_token(encoder)
    encodings = open_tokenizer(encoder, options.max_tokens).encode_batch_fast(
        data.texts.to_pylist()
    )
    ids = [encoding.ids for encoding in encodings]
    one_of, functions = data.mode == "one_of", torch.nn.functional
    loss = functions.cross_entropy if one_of else functions.binary_cross_entropy_with_logits
    truth = torch.from_numpy(data.truth.argmax(axis=1) if one_of else data.truth.astype(np.float32))
    steps = _training_steps(ids, options)
    optimizer = torch.optim.AdamW(_parameter_groups(model, options.learning_rate), fused=True)
    warm_up = max(1, int(_WARM_UP * len(steps)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm_up, (len(steps) - step) / max(1, len(steps) - warm_up)),
    )
    model.train()
    for batch in steps:
        padded, mask = map(torch.from_numpy, pad_batch(ids, batch, pad))
        loss(model(padded, mask), truth[batch.rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    model.eval()


def _training_steps(ids: list[list[int]], options: TrainingOptions) -> list[TokenBatch]:
    """Return batches of texts of similar length in random order, for all epochs."""
    random = np.random.default_rng(options.seed)
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    steps: list[TokenBatch] = []
    for _ in range(options.epochs):
        rows = random.permutation(len(ids))
        epoch = [
            TokenBatch(window[batch.rows], batch.width)
            for window in np.array_split(rows, -(-len(rows) // _WINDOW))
            for batch in make_batches(lengths[window], options.step_tokens)
        ]
        steps += [epoch[position] for position in random.permutation(len(epoch))]
    return steps


def _parameter_groups(model: "MeanHead", rate: float) -> list[dict[str, Any]]:
    unfrozen = [weights for weights in model.encoder.parameters() if weights.requires_grad]
    return [
        {"params": unfrozen, "lr": rate},
        {"params": list(model.linear.parameters()), "lr": max(rate, _MIN_HEAD_RATE)},
    ]

"""The options of training, the same for every kind of model."""

from dataclasses import dataclass
from pathlib import Path

from models.interface.manifest import OverLength


@dataclass(frozen=True)
class TrainingOptions:
    """Options with defaults for a few thousand short texts on two cores.

    A kind ignores the options that it has no use for, except `over_length`: a kind that reads no
    tokens refuses `windows`. All but `seed` are for kinds that start from an encoder.
    """

    # the folder to start from: config.json, model.safetensors, tokenizer.json
    encoder: Path | None = None
    max_tokens: int = 256  # a longer text is cut there in training
    over_length: OverLength = "truncate"  # how the published model reads longer texts
    epochs: int = 3  # times through the rows
    max_rows: int | None = None  # learn from a random part of the rows
    frozen_layers: int = 4  # lower layers that keep their weights, and with them the embeddings
    step_tokens: int = 1024  # tokens in a training step, about 40 short texts
    learning_rate: float = 6e-4  # the highest
    seed: int = 0

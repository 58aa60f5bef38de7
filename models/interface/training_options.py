"""What training is told, whatever the kind; a kind leaves aside what it has no use for, but for
over_length.
"""

from dataclasses import dataclass
from pathlib import Path

from models.interface.manifest import OverLength


@dataclass(frozen=True)
class TrainingOptions:
    """The defaults suit a few thousand short texts on two cores."""

    encoder: Path | None = (
        # transformer: the folder to start from (config.json, model.safetensors, tokenizer.json)
        None
    )
    max_tokens: int = 256  # transformer: a longer text is cut there when learned from
    # transformer: what happens to it when it is scored; others refuse windows
    over_length: OverLength = "truncate"
    epochs: int = 3  # transformer: times through the rows
    max_rows: int | None = None  # transformer: learn from a random part of the rows
    frozen_layers: int = 4  # transformer: the embeddings and as many lower layers stay as they are
    # transformer: how much is read before each step; 1,024 are about 40 short texts
    step_tokens: int = 1024
    learning_rate: float = 6e-4  # transformer: highest learning rate
    seed: int = 0

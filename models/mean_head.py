"""A classifier on an encoder: the mean of the token vectors, then one linear layer.

Why not the standard head of AutoModelForSequenceClassification: sentence encoders such as MiniLM were trained for the
mean, and the few minutes that training may take do not teach the vector of the first token to stand for the text.
Measured on 4,000 to 6,000 tweets, two cores: macro-F1 0.76 with the mean, 0.74 to 0.75 with the standard head.

On disk: config.json and model.safetensors are those of the encoder, head.safetensors holds the linear layer.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

HEAD = "head.safetensors"


class MeanHead(torch.nn.Module):
    """Token ids and mask, both [rows, width] → logits [rows, labels]."""

    def __init__(self, encoder: Any, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.linear = torch.nn.Linear(encoder.config.hidden_size, labels)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        vectors = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        present = attention_mask.unsqueeze(-1).to(vectors.dtype)
        mean = (vectors * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
        logits: torch.Tensor = self.linear(mean)
        return logits


def load_encoder(folder: Path, **settings: Any) -> tuple[Any, list[str]]:
    """The encoder in a folder, and the names of weights that it lacks. Runs no code from there, fetches nothing."""
    encoder, report = AutoModel.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        **settings,
    )
    return encoder, sorted(report["missing_keys"])


def save(model: MeanHead, folder: Path) -> None:
    """Write the three files."""
    model.encoder.save_pretrained(folder)
    save_file({name: weights.contiguous() for name, weights in model.linear.state_dict().items()}, folder / HEAD)


def load_head(encoder: Any, folder: Path) -> MeanHead:
    """The encoder with the head that lies in the folder."""
    weights = load_file(folder / HEAD)
    model = MeanHead(encoder, labels=len(weights["bias"]))
    model.linear.load_state_dict(weights)
    return model

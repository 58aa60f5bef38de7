"""The networks of the kind `transformer` in torch: an encoder with the mean head, or with the
standard head.

What is trained here gets the mean head: the mean of the token vectors, then one linear layer.
Sentence encoders such as MiniLM were trained for that mean, and a few minutes of training do not
teach the first token's vector, which the standard head reads, to stand for the whole text: macro-F1
0.76 and 0.74 to 0.75 after 4,000 to 6,000 tweets.

On disk the mean head is head.safetensors, beside the encoder's own config.json and
model.safetensors.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSequenceClassification

from models.interface.import_result import NotAModel
from models.transformer.files import HEAD


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


class StandardHead(torch.nn.Module):
    """A model of AutoModelForSequenceClassification: token ids and mask → logits, as above."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def add_new_head(encoder: Path, labels: tuple[str, ...], **settings: Any) -> MeanHead:
    """The encoder in a folder, with a mean head that knows nothing yet. Raises NotAModel."""
    columns = dict(enumerate(labels))
    named = {"id2label": columns, "label2id": {label: column for column, label in columns.items()}}
    return MeanHead(_whole(AutoModel, encoder, **named, **settings), len(labels))


def save_network(model: MeanHead, folder: Path) -> None:
    """Write config.json, model.safetensors and head.safetensors."""
    model.encoder.save_pretrained(folder)
    save_file(model.linear.state_dict(), folder / HEAD)


def load_network(folder: Path) -> MeanHead | StandardHead:
    """What was saved with a mean head, or else a standard model. Raises NotAModel."""
    if not (folder / HEAD).is_file():
        return StandardHead(_whole(AutoModelForSequenceClassification, folder)).eval()
    try:
        weights = load_file(folder / HEAD)
        model = MeanHead(_whole(AutoModel, folder), len(weights["bias"]))
        model.linear.load_state_dict(weights)
    except (KeyError, RuntimeError, SafetensorError) as error:
        raise NotAModel(folder, f"{HEAD} is no head for it ({error})") from error
    return model.eval()


def _whole(kind: Any, folder: Path, **settings: Any) -> Any:
    """Every weight from the folder: transformers would make up at random what is missing.

    Runs no code from there and fetches nothing.
    """
    safe = {
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
        "output_loading_info": True,
    }
    try:
        model, report = kind.from_pretrained(folder, **safe, **settings)
    except (OSError, ValueError, SafetensorError) as error:
        raise NotAModel(folder, f"transformers cannot read it ({error})") from error
    if report["missing_keys"]:
        raise NotAModel(folder, f"its weights lack {', '.join(sorted(report['missing_keys']))}")
    return model

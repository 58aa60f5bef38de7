"""Networks of the kind `transformer` in torch: an encoder with the mean head or the standard head.

Training uses the mean head: the mean of the token vectors, then one linear layer. Sentence encoders
such as MiniLM were trained for that mean. The standard head reads the vector of the first token,
which a few minutes of training do not teach to represent the whole text: macro-F1 0.76 with the
mean head, 0.74 to 0.75 with the standard one after 4,000 to 6,000 tweets.

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
    """An encoder, the mean of its token vectors, and a linear layer."""

    def __init__(self, encoder: Any, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.linear = torch.nn.Linear(encoder.config.hidden_size, labels)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Compute logits [rows, labels]; both inputs are [rows, width]."""
        vectors = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        present = attention_mask.unsqueeze(-1).to(vectors.dtype)
        mean = (vectors * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
        logits: torch.Tensor = self.linear(mean)
        return logits


class StandardHead(torch.nn.Module):
    """A model of AutoModelForSequenceClassification."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Compute logits [rows, labels]; both inputs are [rows, width]."""
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def add_new_head(encoder: Path, labels: tuple[str, ...], **settings: Any) -> MeanHead:
    """Load the encoder in a folder and add an untrained mean head. Raises NotAModel."""
    columns = dict(enumerate(labels))
    names = {"id2label": columns, "label2id": {label: column for column, label in columns.items()}}
    return MeanHead(_load_all_weights(AutoModel, encoder, **names, **settings), len(labels))


def save_network(model: MeanHead, folder: Path) -> None:
    """Write config.json, model.safetensors and head.safetensors."""
    model.encoder.save_pretrained(folder)
    save_file(model.linear.state_dict(), folder / HEAD)


def load_network(folder: Path) -> MeanHead | StandardHead:
    """Load a model with the mean head, or else a standard model. Raises NotAModel."""
    if not (folder / HEAD).is_file():
        return StandardHead(_load_all_weights(AutoModelForSequenceClassification, folder)).eval()
    try:
        weights = load_file(folder / HEAD)
        model = MeanHead(_load_all_weights(AutoModel, folder), len(weights["bias"]))
        model.linear.load_state_dict(weights)
    except (KeyError, RuntimeError, SafetensorError) as error:
        raise NotAModel(folder, f"{HEAD} is no head for it ({error})") from error
    return model.eval()


def _load_all_weights(model_class: Any, folder: Path, **settings: Any) -> Any:
    """Load a model and refuse missing weights, which transformers would fill with random numbers.

    Runs no code from the folder and fetches nothing. Raises NotAModel.
    """
    safe = {
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
        "output_loading_info": True,
    }
    try:
        model, report = model_class.from_pretrained(folder, **safe, **settings)
    except (OSError, ValueError, SafetensorError) as error:
        raise NotAModel(folder, f"transformers cannot read it ({error})") from error
    if report["missing_keys"]:
        raise NotAModel(folder, f"its weights lack {', '.join(sorted(report['missing_keys']))}")
    return model

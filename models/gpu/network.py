"""The network of a published transformer on a device.

It computes packed texts if that is shown to give the same answers, and padded texts otherwise.
"""

import logging
from typing import Protocol

import numpy as np
import torch

from models.gpu.packed import NotPackable, PackedBatch, PackedNetwork, hugging_face_model
from models.transformer.batches import Int64, split_by_width
from models.transformer.networks import MeanHead, StandardHead

_LOG = logging.getLogger(__name__)
_FLOAT32_TOLERANCE = 1e-4  # what the order of additions may change
# of the greatest logit: shows that the device computes at all; wrong packing shows in float32
_LOW_PRECISION_TOLERANCE = 0.25
_PROBE_LENGTHS = (17, 9, 9, 3, 2, 1)  # tokens of the texts that are tried


class Network(Protocol):
    """A model of models.transformer.networks that computes packed batches."""

    def split(self, lengths: Int64, budget: int) -> list[range]:
        """Split texts into ranges of neighbours to compute together.

        `lengths` [texts] tokens of each, longest first; `budget` the most tokens of a range.
        """

    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Compute logits, float32 [texts, labels]."""


class PaddedNetwork:
    """A network that pads the texts of a packed batch on the device."""

    def __init__(
        self, model: MeanHead | StandardHead, device: torch.device, dtype: torch.dtype, pad: int
    ) -> None:
        self._model, self._pad = model.to(device, dtype), pad

    def split(self, lengths: Int64, budget: int) -> list[range]:
        """Split by tokens, padding included."""
        return split_by_width(lengths, budget)

    def __call__(self, batch: PackedBatch) -> torch.Tensor:
        """Compute logits, float32 [texts, labels]."""
        columns = torch.arange(batch.longest, device=batch.ids.device)
        mask = columns < batch.starts.diff()[:, None]  # [texts, longest]
        ids = torch.full(mask.shape, self._pad, device=batch.ids.device)
        logits: torch.Tensor = self._model(ids.masked_scatter_(mask, batch.ids), mask.long())
        return logits.float()


def open_network(
    model: MeanHead | StandardHead, device: torch.device, dtype: torch.dtype, pad: int
) -> Network:
    """Move a model (on the CPU, float32) to its device, where it computes in `dtype`.

    `pad` is the id of the pad token. Some encoders cannot be packed, for example those with biases
    for the distance of two tokens (MPNet, DeBERTa). So the model first answers a few texts one by
    one, and the packed network has to agree.
    """
    probe, expected = _probe(model, pad)
    try:
        packed = PackedNetwork(model)
    except Exception as error:  # whatever an unusual encoder raises, here and below
        return _padded(model, device, dtype, pad, error)
    try:
        _check(packed, probe, expected, _FLOAT32_TOLERANCE)
        packed.move_to(device, dtype)
        exact = dtype == torch.float32
        tolerance = _FLOAT32_TOLERANCE if exact else _LOW_PRECISION_TOLERANCE
        _check(packed, _on_device(probe, device), expected, tolerance)
    except Exception as error:
        packed.restore()
        return _padded(model, device, dtype, pad, error)
    return packed


def _padded(
    model: MeanHead | StandardHead,
    device: torch.device,
    dtype: torch.dtype,
    pad: int,
    reason: Exception,
) -> PaddedNetwork:
    _LOG.warning(
        "The network cannot be given packed texts (%s); it gets padded ones, which is slower.",
        reason,
    )
    return PaddedNetwork(model, device, dtype, pad)


def _probe(model: MeanHead | StandardHead, pad: int) -> tuple[PackedBatch, torch.Tensor]:
    """Return some texts, and the logits [texts, labels] that the model gives for each alone."""
    starts = np.concatenate([[0], np.cumsum(_PROBE_LENGTHS)])
    # no pad token among them
    ids = (torch.arange(starts[-1]) % 5 + pad + 1) % hugging_face_model(model).config.vocab_size
    texts = [
        ids[start : start + length][None]
        for start, length in zip(starts, _PROBE_LENGTHS, strict=False)
    ]
    with torch.inference_mode():
        expected = torch.cat([model(text, torch.ones_like(text)) for text in texts])
    positions = torch.cat([torch.arange(length) for length in _PROBE_LENGTHS])
    longest = max(_PROBE_LENGTHS)
    return PackedBatch(ids, positions, torch.from_numpy(starts).int(), longest), expected


def _on_device(batch: PackedBatch, device: torch.device) -> PackedBatch:
    return PackedBatch(
        batch.ids.to(device), batch.positions.to(device), batch.starts.to(device), batch.longest
    )


def _check(network: Network, probe: PackedBatch, expected: torch.Tensor, tolerance: float) -> None:
    """Compare logits with those expected; `tolerance` is a share of the greatest, or of 1.

    Raises NotPackable.
    """
    with torch.inference_mode():
        difference = float((network(probe).cpu() - expected).abs().max())
    if not difference <= tolerance * max(1.0, float(expected.abs().max())):
        raise NotPackable(f"packed logits differ by {difference:.2g} from those of single texts")

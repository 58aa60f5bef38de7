"""The network of a published transformer on a device: packed where that is shown to answer the
same, else padded.
"""

import logging
from typing import Protocol

import numpy as np
import torch

from models.gpu.packed import NotPackable, PackedBatch, PackedNetwork, hugging_face_model
from models.transformer.batches import Int64, split_by_width
from models.transformer.networks import MeanHead, StandardHead

_LOG = logging.getLogger(__name__)
_EXACT = 1e-4  # float32: what the order of additions may change
# bfloat16, of the greatest logit: that the device computes at all; wrong packing shows in float32
_ROUNDED = 0.25
_PROBE = (17, 9, 9, 3, 2, 1)  # tokens of the texts that are tried


class Network(Protocol):
    """Batches of texts that lie end to end → logits."""

    def split(self, lengths: Int64, budget: int) -> list[range]:
        """Neighbouring texts to compute together; `lengths` [texts], longest first, `budget` tokens
        of a batch.
        """

    def __call__(self, row: PackedBatch) -> torch.Tensor:
        """Logits, float32 [texts, labels]."""


class PaddedNetwork:
    """A model of models.transformer.networks for packed texts, which are padded on the device."""

    def __init__(
        self, model: MeanHead | StandardHead, device: torch.device, dtype: torch.dtype, pad: int
    ) -> None:
        self._model, self._pad = model.to(device, dtype), pad

    def split(self, lengths: Int64, budget: int) -> list[range]:
        """By tokens, padding included."""
        return split_by_width(lengths, budget)

    def __call__(self, row: PackedBatch) -> torch.Tensor:
        """Logits, float32 [texts, labels]."""
        columns = torch.arange(row.longest, device=row.ids.device)
        mask = columns < row.starts.diff()[:, None]  # [texts, longest]
        ids = torch.full(mask.shape, self._pad, device=row.ids.device).masked_scatter_(
            mask, row.ids
        )
        logits: torch.Tensor = self._model(ids, mask.long())
        return logits.float()


def open_network(
    model: MeanHead | StandardHead, device: torch.device, dtype: torch.dtype, pad: int
) -> Network:
    """The model (on the CPU, float32) on its device, computing in `dtype`; `pad` is the id of the
    pad token.

    Some encoders cannot be packed: those with biases for the distance of two tokens (MPNet,
    DeBERTa), say. So a few texts are first answered one by one by the model as it is, and what the
    packed one answers must agree.
    """
    row, expected = _probe(model, pad)
    try:
        packed = PackedNetwork(model)
    except Exception as error:  # whatever a foreign encoder may stumble over, here and below
        return _padded(model, device, dtype, pad, error)
    try:
        _check(packed, row, expected, _EXACT)
        packed.move_to(device, dtype)
        _check(
            packed, _moved(row, device), expected, _EXACT if dtype == torch.float32 else _ROUNDED
        )
    except Exception as error:
        packed.restore()
        return _padded(model, device, dtype, pad, error)
    return packed


def _padded(
    model: MeanHead | StandardHead,
    device: torch.device,
    dtype: torch.dtype,
    pad: int,
    why: Exception,
) -> PaddedNetwork:
    _LOG.warning(
        "The network cannot be given packed texts (%s); it gets padded ones, which is slower.", why
    )
    return PaddedNetwork(model, device, dtype, pad)


def _probe(model: MeanHead | StandardHead, pad: int) -> tuple[PackedBatch, torch.Tensor]:
    """Some texts, and the model's own logits [texts, labels] for each of them alone."""
    starts = np.concatenate([[0], np.cumsum(_PROBE)])
    # no pad token among them
    ids = (torch.arange(starts[-1]) % 5 + pad + 1) % hugging_face_model(model).config.vocab_size
    texts = [
        ids[start : start + length][None] for start, length in zip(starts, _PROBE, strict=False)
    ]
    with torch.inference_mode():
        expected = torch.cat([model(text, torch.ones_like(text)) for text in texts])
    positions = torch.cat([torch.arange(length) for length in _PROBE])
    return PackedBatch(ids, positions, torch.from_numpy(starts).int(), max(_PROBE)), expected


def _moved(row: PackedBatch, device: torch.device) -> PackedBatch:
    return PackedBatch(
        row.ids.to(device), row.positions.to(device), row.starts.to(device), row.longest
    )


def _check(network: Network, row: PackedBatch, expected: torch.Tensor, tolerance: float) -> None:
    """Raises NotPackable unless the logits are those expected, but for `tolerance` of the greatest
    (or of 1).
    """
    with torch.inference_mode():
        difference = float((network(row).cpu() - expected).abs().max())
    if not difference <= tolerance * max(1.0, float(expected.abs().max())):
        raise NotPackable(f"packed it answers {difference:.2g} beside what it answers else")

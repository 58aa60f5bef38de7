"""A chunk of tokens through a network of torch, so that the device never waits for the host.

`lay` is the host's part, `start` only puts work into the device's queue, `values` waits for it.
While one chunk computes, the next is laid out, moved to the device beside the computing, and put
into the queue behind it. Needs torch and numpy alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch

from models.gpu.batch_limit import BatchLimit, compute_in_batches
from models.gpu.network import Network
from models.gpu.packed import PackedBatch
from models.transformer.batches import Int64

# tokens a batch: enough that computing it takes longer than putting it into the queue
BUDGET = 65_536


@dataclass(frozen=True)
class PackedTexts:
    """The texts of a chunk end to end, longest first, in memory that the device can read by itself."""

    order: Int64  # [texts] which text comes where
    lengths: Int64  # [texts] tokens, in that order; at least 1
    starts: Int64  # [texts + 1] where each begins
    tokens: torch.Tensor  # [2, tokens] int64: ids and positions
    begins: torch.Tensor  # [texts + 1] int32: `starts`, for the device


@dataclass(frozen=True)
class PendingLogits:
    """Logits on their way to the host."""

    order: Int64
    logits: torch.Tensor  # [texts, labels] float32, as laid; not there before `arrived`
    arrived: "torch.cuda.Event | None"


class TorchEngine:
    """One network on one device. `lay` and `values` may be called from any thread, `start` from one
    at a time.
    """

    def __init__(
        self, network: Network, device: torch.device, labels: int, pad: int, ceiling: BatchLimit
    ) -> None:
        self._network, self._device, self._labels, self._pad, self._ceiling = (
            network,
            device,
            labels,
            pad,
            ceiling,
        )
        self._cuda = device.type == "cuda"
        self._transfers = torch.cuda.Stream(device) if self._cuda else None  # type: ignore[no-untyped-call]

    def pack(self, ids: Sequence[Sequence[int]], lengths: Int64) -> PackedTexts:
        """Token ids of each text, and how many there are. A text without any gets a pad token to
        stand for it.
        """
        if len(lengths) and lengths.min() == 0:
            ids = [text if len(text) else [self._pad] for text in ids]
            lengths = np.maximum(lengths, 1)
        order = np.argsort(-lengths, kind="stable")
        ordered = lengths[order]
        starts = np.concatenate([[0], np.cumsum(ordered)]).astype(np.int64)
        tokens = np.empty((2, starts[-1]), dtype=np.int64)
        tokens[0] = np.fromiter(
            chain.from_iterable(ids[text] for text in order), dtype=np.int64, count=starts[-1]
        )
        tokens[1] = np.arange(starts[-1]) - np.repeat(starts[:-1], ordered)
        return PackedTexts(
            order, ordered, starts, self._host(tokens), self._host(starts.astype(np.int32))
        )

    @torch.inference_mode()
    def enqueue(self, laid: PackedTexts) -> PendingLogits:
        """Put the chunk into the device's queue. Raises TextTooLarge."""
        tokens, begins = self._moved(laid.tokens, laid.begins)

        def compute(piece: range) -> torch.Tensor:
            first, last = int(laid.starts[piece.start]), int(laid.starts[piece.stop])
            return self._network(
                PackedBatch(
                    ids=tokens[0, first:last],
                    positions=tokens[1, first:last],
                    starts=begins[piece.start : piece.stop + 1] - first,
                    longest=int(laid.lengths[piece.start]),
                )
            )

        logits = compute_in_batches(
            laid.lengths,
            self._ceiling,
            self._network.split,
            compute,
            torch.OutOfMemoryError,
            self._release,
        )
        return self._sent(laid.order, logits)

    def wait(self, pending: PendingLogits) -> npt.NDArray[np.float32]:
        """Wait for the logits: float32 [texts, labels], in the order in which the texts were given."""
        if pending.arrived is not None:
            pending.arrived.synchronize()
        values = np.empty(pending.logits.shape, dtype=np.float32)
        values[pending.order] = pending.logits.numpy()
        return values

    def _host(self, array: npt.NDArray[np.generic]) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._cuda else tensor

    def _moved(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        """On the device, by a stream of their own: that of the computing may be busy with the chunk
        before.
        """
        if self._transfers is None:
            return list(tensors)
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._transfers):
            moved = [tensor.to(self._device, non_blocking=True) for tensor in tensors]
        computing.wait_stream(self._transfers)
        for tensor in moved:
            tensor.record_stream(computing)
        return moved

    def _sent(self, order: Int64, logits: list[torch.Tensor]) -> PendingLogits:
        """On their way to the host."""
        if not logits:
            return PendingLogits(order, torch.empty(0, self._labels), None)
        found = torch.cat(logits)
        if not self._cuda:
            return PendingLogits(order, found, None)
        host = torch.empty(found.shape, dtype=found.dtype, pin_memory=True).copy_(
            found, non_blocking=True
        )
        arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        arrived.record(torch.cuda.current_stream(self._device))
        return PendingLogits(order, host, arrived)

    def _release(self) -> None:
        if self._cuda:
            torch.cuda.empty_cache()

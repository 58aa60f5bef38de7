"""The engine that runs chunks through a network of torch, so that the device never waits.

`pack` is the work of the host, `enqueue` only puts work into the device's queue, `wait` waits for
it. While one chunk computes, the next is packed, copied to the device at the same time, and put
into the queue behind it. Needs only torch and numpy.
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

# tokens a batch: so many that computing it takes longer than putting it into the queue
BATCH_TOKENS = 65_536


@dataclass(frozen=True)
class PackedTexts:
    """The texts of a chunk end to end, longest first, in memory that the device can copy itself."""

    order: Int64  # [texts] the number of the text at each place
    lengths: Int64  # [texts] tokens, in that order; at least 1
    starts: Int64  # [texts + 1] where each text begins
    tokens: torch.Tensor  # [2, tokens] int64: ids and positions
    device_starts: torch.Tensor  # [texts + 1] int32: `starts`, for the device


@dataclass(frozen=True)
class PendingLogits:
    """Logits that are being computed and copied to the host."""

    order: Int64
    logits: torch.Tensor  # [texts, labels] float32, in packed order; undefined before `copied`
    copied: "torch.cuda.Event | None"  # None: they are on the host


class TorchEngine:
    """One network on one device.

    `pack` and `wait` may be called from any thread, `enqueue` from one at a time.
    """

    def __init__(
        self, network: Network, device: torch.device, labels: int, pad: int, limit: BatchLimit
    ) -> None:
        self._network, self._device, self._labels = network, device, labels
        self._pad, self._limit = pad, limit
        self._cuda = device.type == "cuda"
        self._copy_stream = torch.cuda.Stream(device) if self._cuda else None  # type: ignore[no-untyped-call]

    def pack(self, ids: Sequence[Sequence[int]], lengths: Int64) -> PackedTexts:
        """Put the token ids of all texts end to end; `lengths` [texts] counts those of each.

        A text without tokens gets one pad token.
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
            order, ordered, starts, self._pinned(tokens), self._pinned(starts.astype(np.int32))
        )

    @torch.inference_mode()
    def enqueue(self, packed: PackedTexts) -> PendingLogits:
        """Put the chunk into the device's queue. Raises TextTooLarge."""
        tokens, starts = self._copy_to_device(packed.tokens, packed.device_starts)

        def compute(texts: range) -> torch.Tensor:
            first, last = int(packed.starts[texts.start]), int(packed.starts[texts.stop])
            return self._network(
                PackedBatch(
                    ids=tokens[0, first:last],
                    positions=tokens[1, first:last],
                    starts=starts[texts.start : texts.stop + 1] - first,
                    longest=int(packed.lengths[texts.start]),
                )
            )

        logits = compute_in_batches(
            packed.lengths,
            self._limit,
            self._network.split,
            compute,
            torch.OutOfMemoryError,
            self._release,
        )
        return self._copy_to_host(packed.order, logits)

    def wait(self, pending: PendingLogits) -> npt.NDArray[np.float32]:
        """Wait for the logits: float32 [texts, labels], in the order in which texts were given."""
        if pending.copied is not None:
            pending.copied.synchronize()
        values = np.empty(pending.logits.shape, dtype=np.float32)
        values[pending.order] = pending.logits.numpy()
        return values

    def _pinned(self, array: npt.NDArray[np.generic]) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._cuda else tensor

    def _copy_to_device(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        """Copy in a stream of its own, as the computing stream may be busy with the last chunk."""
        if self._copy_stream is None:
            return list(tensors)
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._copy_stream):
            copies = [tensor.to(self._device, non_blocking=True) for tensor in tensors]
        computing.wait_stream(self._copy_stream)
        for copy in copies:
            copy.record_stream(computing)
        return copies

    def _copy_to_host(self, order: Int64, batches: list[torch.Tensor]) -> PendingLogits:
        """Put the copy of the logits into the device's queue."""
        if not batches:
            return PendingLogits(order, torch.empty(0, self._labels), None)
        logits = torch.cat(batches)
        if not self._cuda:
            return PendingLogits(order, logits, None)
        on_host = torch.empty(logits.shape, dtype=logits.dtype, pin_memory=True)
        on_host.copy_(logits, non_blocking=True)
        copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        copied.record(torch.cuda.current_stream(self._device))
        return PendingLogits(order, on_host, copied)

    def _release(self) -> None:
        if self._cuda:
            torch.cuda.empty_cache()

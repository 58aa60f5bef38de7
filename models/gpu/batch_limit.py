"""The limit of a batch's tokens on a device: halved when memory runs out, and remembered."""

import json
import logging
import os
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from models.transformer.batches import Int64
from storage.errors import ChorusError

_LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")
# (lengths, budget) → ranges of neighbouring texts to compute together
Split = Callable[[Int64, int], list[range]]


class TextTooLarge(ChorusError):
    """A single text that does not fit into the memory of the device."""

    def __init__(self, tokens: int, device: str) -> None:
        self.tokens, self.device = tokens, device
        super().__init__(
            f"A single text of {tokens:,} tokens does not fit into the memory of {device}. Free "
            "memory there (other processes may hold it), publish the model with fewer max_tokens, "
            "or score with --device cpu."
        )


class BatchLimit:
    """The most tokens of a batch. It only ever falls; delete its file to reset it."""

    def __init__(
        self, tokens: int, device: str, model: str | None = None, folder: Path | None = None
    ) -> None:
        """Start with `tokens`, or with the lower limit that `folder` remembers.

        A limit is remembered for one model (its digest) on devices of one name.
        """
        self.device, self._model = device, model
        name = f"tokens-{(model or '')[:16]}-{re.sub('[^a-z0-9]+', '-', device.lower())}.json"
        self._file = folder / name if folder is not None and model is not None else None
        self.tokens = min(tokens, self._remembered() or tokens)

    def lower(self, tokens: int) -> None:
        """Lower the limit, for this process and for those that start later."""
        self.tokens = min(self.tokens, tokens)
        _LOG.warning(
            "Out of memory on %s: batches have at most %s tokens from now on.",
            self.device,
            self.tokens,
        )
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}")
            temporary.write_text(
                json.dumps({"model": self._model, "device": self.device, "tokens": self.tokens})
            )
            temporary.replace(self._file)

    def _remembered(self) -> int | None:
        """Read the file. A damaged one counts as none, because the limit will be found again."""
        if self._file is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                return max(1, int(json.loads(self._file.read_bytes())["tokens"]))
        return None


def compute_in_batches(
    lengths: Int64,
    limit: BatchLimit,
    split: Split,
    compute: Callable[[range], Answer],
    out_of_memory: type[Exception],
    release: Callable[[], None],
) -> list[Answer]:
    """Compute all texts in batches within the limit; the answers are in the order of the batches.

    `lengths` [texts] tokens of each text. When `compute` raises `out_of_memory`, call `release`,
    halve the limit, and split the remaining texts again. Raises TextTooLarge.
    """
    answers: list[Answer] = []
    batches = deque(split(lengths, limit.tokens))
    while batches:
        batch = batches.popleft()
        try:
            answers.append(compute(batch))
            continue
        except out_of_memory:
            pass  # go on outside, where the error no longer keeps what the attempt had allocated
        release()
        tokens = int(lengths[batch.start : batch.stop].sum())
        if len(batch) == 1:
            raise TextTooLarge(tokens, limit.device)
        limit.lower(max(1, min(limit.tokens, tokens) // 2))
        rest = split(lengths[batch.start :], limit.tokens)
        batches = deque(range(batch.start + part.start, batch.start + part.stop) for part in rest)
    return answers

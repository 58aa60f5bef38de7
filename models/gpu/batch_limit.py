"""Where the memory of a device ends: batches are halved there, and the most that fitted is
remembered.
"""

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
# (lengths, budget) → neighbouring texts to compute together
Split = Callable[[Int64, int], list[range]]


class TextTooLarge(ChorusError):
    """One text by itself is more than the device can hold."""

    def __init__(self, tokens: int, device: str) -> None:
        self.tokens, self.device = tokens, device
        super().__init__(
            f"A single text of {tokens:,} tokens does not fit into the memory of {device}. Free memory there (other "
            "processes may hold it), publish the model with fewer max_tokens, or score with --device cpu."
        )


class BatchLimit:
    """The most tokens of a batch, which only ever falls. Delete its file and it starts anew."""

    def __init__(
        self, tokens: int, device: str, model: str | None = None, folder: Path | None = None
    ) -> None:
        """`tokens` unless fewer were remembered in `folder` for this `model` (its digest) on a
        device of this name.
        """
        self.device, self._model = device, model
        name = f"tokens-{(model or '')[:16]}-{re.sub('[^a-z0-9]+', '-', device.lower())}.json"
        self._file = folder / name if folder is not None and model is not None else None
        self.tokens = min(tokens, self._remembered() or tokens)

    def lower(self, tokens: int) -> None:
        """Remember that no more than this may be tried, from now on and after the next start."""
        self.tokens = min(self.tokens, tokens)
        _LOG.warning(
            "Out of memory on %s: batches have at most %s tokens from now on.",
            self.device,
            self.tokens,
        )
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_suffix(f".{os.getpid()}")
            fresh.write_text(
                json.dumps({"model": self._model, "device": self.device, "tokens": self.tokens})
            )
            fresh.replace(self._file)

    def _remembered(self) -> int | None:
        """None as well for a file that is not readable as one: what it said is found out again."""
        if self._file is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                return max(1, int(json.loads(self._file.read_bytes())["tokens"]))
        return None


def compute_in_batches(
    lengths: Int64,
    ceiling: BatchLimit,
    cut: Split,
    compute: Callable[[range], Answer],
    out_of_memory: type[Exception],
    release: Callable[[], None],
) -> list[Answer]:
    """Compute all texts, in batches of at most as many tokens as the ceiling says, lowering it as
    it must be.

    When `compute` raises `out_of_memory`, `release` is called, the ceiling halved, and what is not
    computed cut anew. `lengths` [texts] tokens of each; the answers are in the order of the texts.
    Raises TextTooLarge.
    """
    answers: list[Answer] = []
    pieces = deque(cut(lengths, ceiling.tokens))
    while pieces:
        piece = pieces.popleft()
        try:
            answers.append(compute(piece))
            continue
        except out_of_memory:
            pass  # go on outside, where the error no longer keeps what the attempt had allocated
        release()
        tokens = int(lengths[piece.start : piece.stop].sum())
        if len(piece) == 1:
            raise TextTooLarge(tokens, ceiling.device)
        ceiling.lower(max(1, min(ceiling.tokens, tokens) // 2))
        rest = cut(lengths[piece.start :], ceiling.tokens)
        pieces = deque(range(piece.start + part.start, piece.start + part.stop) for part in rest)
    return answers

"""From the texts of a chunk to tokens and back to its rows, the same for every engine of the kind
`transformer`.

Equal texts are scored once. A text with more than `max_tokens` tokens is cut there, or read in
windows of as many whose answers are averaged, as the model's manifest declares:

    max_tokens 5, windows       [CLS] a b c [SEP]   [CLS] d e [SEP]       probabilities p, 5 tokens, and q, 4 tokens
    the text's answer           (5 p + 4 q) / 9
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.interface.manifest import ModelSpec
from models.transformer.batches import Int64
from models.transformer.files import open_tokenizer, pad_token
from storage.records.scores import Float32


@dataclass(frozen=True)
class TokenizedTexts:
    """The windows of the distinct texts of a chunk; a text that is not too long is one window."""

    rows: Int64  # [rows] which of the distinct texts each row holds
    texts: Int64  # [windows] which of the distinct texts each window is of, ascending
    ids: list[list[int]]  # [windows] token ids, special tokens included
    lengths: Int64  # [windows] number of tokens

    def average_windows(self, windows: Float32) -> Float32:
        """Probabilities of each window, float32 [windows, labels] → of each row, float32 [rows,
        labels].
        """
        if len(self.texts) == 0 or self.texts[-1] + 1 == len(self.texts):  # one window a text
            return windows[self.rows]
        starts = np.flatnonzero(np.diff(self.texts, prepend=-1))
        weights = self.lengths[:, None].astype(np.float64)
        means = np.add.reduceat(windows * weights, starts) / np.add.reduceat(weights, starts)
        return np.asarray(means, dtype=np.float32)[self.rows]

    def count(self) -> int:
        """Return how many tokens the texts of all rows have, in all their windows."""
        return int(np.bincount(self.texts, self.lengths)[self.rows].sum())


class ModelTokenizer:
    """The tokenizer of a published model, with the model's own rule for long texts."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self._tokenizer: Any = open_tokenizer(folder, spec.max_tokens)
        self._windows = spec.over_length == "windows"
        self._nothing = [pad_token(folder)]  # stands for a text without tokens

    def tokenize(self, texts: pa.StringArray) -> TokenizedTexts:
        """All texts of a chunk at once."""
        encoded = texts.dictionary_encode()
        found = self._tokenizer.encode_batch_fast(encoded.dictionary.to_pylist())
        parts = [[text, *(text.overflowing if self._windows else ())] for text in found]
        ids = [part.ids or self._nothing for windows in parts for part in windows]
        return TokenizedTexts(
            rows=encoded.indices.to_numpy().astype(np.int64),
            texts=np.repeat(np.arange(len(parts)), [len(windows) for windows in parts]),
            ids=ids,
            lengths=np.fromiter(map(len, ids), dtype=np.int64, count=len(ids)),
        )

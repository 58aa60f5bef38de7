"""Tokens of the texts of a chunk, and from windows of tokens back to rows.

Equal texts are scored once. A text with more than `max_tokens` tokens is cut there, or read in
windows of as many whose answers are averaged, as the model's manifest declares. With max_tokens 5
and windows:

    [CLS] a b c [SEP]   [CLS] d e [SEP]    5 tokens, probabilities p, and 4 tokens, probabilities q
    (5 p + 4 q) / 9                        the answer to the text
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

    rows: Int64  # [rows] number of the distinct text of each row
    texts: Int64  # [windows] number of the distinct text of each window, ascending
    ids: list[list[int]]  # [windows] token ids, special tokens included
    lengths: Int64  # [windows] number of tokens

    def average_windows(self, values: Float32) -> Float32:
        """Average the probabilities of a text's windows, each weighted by its tokens.

        float32 [windows, labels] → float32 [rows, labels].
        """
        if len(self.texts) == 0 or self.texts[-1] + 1 == len(self.texts):  # one window a text
            return values[self.rows]
        starts = np.flatnonzero(np.diff(self.texts, prepend=-1))
        weights = self.lengths[:, None].astype(np.float64)
        means = np.add.reduceat(values * weights, starts) / np.add.reduceat(weights, starts)
        return np.asarray(means, dtype=np.float32)[self.rows]

    def count(self) -> int:
        """Count the tokens of all rows, in all their windows."""
        return int(np.bincount(self.texts, self.lengths)[self.rows].sum())


class ModelTokenizer:
    """The tokenizer of a published model, with the model's own rule for long texts."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self._tokenizer: Any = open_tokenizer(folder, spec.max_tokens)
        self._windows = spec.over_length == "windows"
        self._empty_text = [pad_token(folder)]  # stands for a text without tokens

    def tokenize(self, texts: pa.StringArray) -> TokenizedTexts:
        """Tokenize all texts of a chunk."""
        encoded = texts.dictionary_encode()
        encodings = self._tokenizer.encode_batch_fast(encoded.dictionary.to_pylist())
        windows_of_texts = [
            [encoding, *(encoding.overflowing if self._windows else ())] for encoding in encodings
        ]
        ids = [window.ids or self._empty_text for text in windows_of_texts for window in text]
        return TokenizedTexts(
            rows=encoded.indices.to_numpy().astype(np.int64),
            texts=np.repeat(
                np.arange(len(windows_of_texts)), [len(text) for text in windows_of_texts]
            ),
            ids=ids,
            lengths=np.fromiter(map(len, ids), dtype=np.int64, count=len(ids)),
        )

"""Batches of texts that are computed together, with little padding or none. Pure functions.

Texts of 5, 40, 6 and 38 tokens, with a budget of 80 tokens a batch, become rows [1, 3] at width 40
(2 x 40 = 80 tokens) and rows [2, 0] at width 6 (2 x 6 = 12 tokens).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenBatch:
    """Rows that are computed together, each padded to `width` tokens."""

    rows: Int64  # [batch] positions in the chunk
    width: int  # tokens of the longest row, at least 1


def make_batches(lengths: Int64, budget: int) -> list[TokenBatch]:
    """Put every row into one batch, longest first; rows of equal length keep their order.

    `lengths` [rows] tokens of each text; `budget` the most tokens of a batch, padding included (a
    longer text is a batch of its own).
    """
    order = np.argsort(-lengths, kind="stable")
    widths = np.maximum(lengths[order], 1)
    batches: list[TokenBatch] = []
    start = 0
    while start < len(order):
        width = int(widths[start])
        end = min(start + max(1, budget // width), len(order))
        batches.append(TokenBatch(order[start:end], width))
        start = end
    return batches


def split_by_width(lengths: Int64, budget: int) -> list[range]:
    """Do the same for texts that are sorted already, longest first: ranges of neighbours."""
    return [
        range(int(batch.rows[0]), int(batch.rows[-1]) + 1)
        for batch in make_batches(lengths, budget)
    ]


def split_by_tokens(lengths: Int64, budget: int) -> list[range]:
    """Split texts into ranges of neighbours of about the same size, to compute without padding.

    `lengths` [texts] tokens of each; `budget` the most tokens of a range (a longer text is a range
    of its own). Texts of 9, 8, 3, 3, 3, 2 and 1 tokens with a budget of 20 become 9 + 8 and
    3 + 3 + 3 + 2 + 1.
    """
    ends = np.cumsum(lengths)
    if len(ends) == 0:
        return []
    total, longest = int(ends[-1]), int(lengths.max())
    # so many ranges suffice, wherever the texts happen to end
    count = max(1, -(-total // max(1, budget - longest + 1)))
    limit = min(budget, -(-total // count) + longest - 1)
    ranges: list[range] = []
    first = tokens_before = 0
    while first < len(ends):
        last = max(int(np.searchsorted(ends, tokens_before + limit, side="right")), first + 1)
        ranges.append(range(first, last))
        first, tokens_before = last, int(ends[last - 1])
    return ranges


def pad_batch(ids: Sequence[Sequence[int]], batch: TokenBatch, pad: int) -> tuple[Int64, Int64]:
    """Return the token ids and the mask of a batch, both int64 [batch, width].

    `ids` [rows] token ids of each text of the chunk. The mask is 1 where there is a token, and 0
    where there is the token `pad`.
    """
    padded = np.full((len(batch.rows), batch.width), pad, dtype=np.int64)
    mask = np.zeros_like(padded)
    for line, row in enumerate(batch.rows):
        padded[line, : len(ids[row])] = ids[row]
        mask[line, : len(ids[row])] = 1
    return padded, mask

"""How the texts of a chunk are put together into batches: like lengths together, so that little is
padding.

Four texts of 5, 40, 6 and 38 tokens, with a budget of 80 tokens a batch, become rows [1, 3] at
width 40 (2 x 40 = 80 tokens) and rows [2, 0] at width 6 (2 x 6 = 12 tokens).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenBatch:
    """Rows that are scored together, each padded to `width` tokens, the most that one of them has
    (at least 1).
    """

    rows: Int64  # [batch] positions in the chunk
    width: int


def make_batches(lengths: Int64, budget: int) -> list[TokenBatch]:
    """Every row in exactly one batch, longest first; rows of equal length keep their order.

    `lengths` [rows] tokens of each text; `budget` the most tokens of a batch, padding included (a
    text that is longer by itself is a batch by itself).
    """
    order = np.argsort(-lengths, kind="stable")
    widths = np.maximum(lengths[order], 1)
    made: list[TokenBatch] = []
    start = 0
    while start < len(order):
        width = int(widths[start])
        end = min(start + max(1, budget // width), len(order))
        made.append(TokenBatch(order[start:end], width))
        start = end
    return made


def split_by_width(lengths: Int64, budget: int) -> list[range]:
    """The same for texts that lie longest first already, `lengths` [texts]: neighbours that are
    padded together.
    """
    return [
        range(int(batch.rows[0]), int(batch.rows[-1]) + 1)
        for batch in make_batches(lengths, budget)
    ]


def split_by_tokens(lengths: Int64, budget: int) -> list[range]:
    """Neighbours that are computed together without padding, in batches of about the same size.

    `lengths` [texts] tokens of each; `budget` the most tokens of a batch (a text that is longer by
    itself is a batch by itself). Texts of 9, 8, 3, 3, 3, 2 and 1 tokens with a budget of 20 become
    9 + 8 and 3 + 3 + 3 + 2 + 1.
    """
    ends = np.cumsum(lengths)
    if len(ends) == 0:
        return []
    total, longest = int(ends[-1]), int(lengths.max())
    # as many suffice, wherever the texts happen to end
    count = max(1, -(-total // max(1, budget - longest + 1)))
    limit = min(budget, -(-total // count) + longest - 1)
    made: list[range] = []
    first = done = 0
    while first < len(ends):
        last = max(int(np.searchsorted(ends, done + limit, side="right")), first + 1)
        made.append(range(first, last))
        first, done = last, int(ends[last - 1])
    return made


def pad_batch(tokens: Sequence[Sequence[int]], batch: TokenBatch, pad: int) -> tuple[Int64, Int64]:
    """(token ids, mask) of one batch, both int64 [batch, width]; the mask is 1 where there is a
    token, 0 at a pad.
    """
    ids = np.full((len(batch.rows), batch.width), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for line, row in enumerate(batch.rows):
        ids[line, : len(tokens[row])] = tokens[row]
        mask[line, : len(tokens[row])] = 1
    return ids, mask

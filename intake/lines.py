"""Decoded lines, in pieces of bounded size."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from intake.block import RAW_CHARS

MOST_LINE = 8 << 20  # characters


@dataclass(frozen=True)
class Piece:
    """Whole lines with their ends. `cut`: only the beginning of one line that is too long to be kept."""

    text: str
    cut: bool = False


def split_lines(text: str, end: str) -> list[str]:
    """Each line with its end; the last one has one, too."""
    return [line + end for line in text.removesuffix(end).split(end)] if text else []


def pieces(blocks: Iterable[bytes], decoder: codecs.IncrementalDecoder, end: str) -> Iterator[Piece]:
    """Split at `end` ("\\n" or "\\r") alone, so that other line breaks stay inside their field.

    A line of more than MOST_LINE characters comes as its beginning, marked as cut; the rest of it is passed over.
    """
    tail, passing = "", False
    for text in _texts(blocks, decoder):
        _, found, rest = text.partition(end) if passing else ("", end, text)
        if not found:
            continue
        passing = False
        whole, found, beyond = (tail + rest).rpartition(end)
        tail = beyond
        if found:
            yield Piece(whole + end)
        if len(tail) > MOST_LINE:
            yield Piece(tail[:RAW_CHARS], cut=True)
            tail, passing = "", True
    if tail:
        yield Piece(tail + end)


def _texts(blocks: Iterable[bytes], decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    """Small enough for a processor's cache, large enough that work per piece does not count."""
    size = 256 * 1024
    for block in blocks:
        for start in range(0, len(block), size):
            yield decoder.decode(block[start : start + size])
    yield decoder.decode(b"", final=True)

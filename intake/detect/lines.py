"""Whole lines, in pieces of bounded size."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from intake.detect.encoding import as_text, as_utf8, marking_decoder
from storage.records.feedback import RAW_CHARS

MAX_LINE_CHARS = 8 << 20  # characters
_MOST_BYTES = 4  # of one character


@dataclass(frozen=True)
class LineBlock:
    """Whole lines with their ends, in UTF-8; a byte that is not stands for what could not be
    decoded.

    `cut`: only the beginning of one line that is too long to be kept.
    """

    data: bytes
    truncated: bool = False


def split_lines(data: bytes, end: str) -> list[str]:
    """Each line with its end; the last one has one, too."""
    return [line + end for line in as_text(data).removesuffix(end).split(end)] if data else []


def read_line_blocks(blocks: Iterable[bytes], encoding: str, end: str) -> Iterator[LineBlock]:
    """Split at `end` ("\\n" or "\\r") alone, so that other line breaks stay inside their field.

    A line of more than MOST_LINE characters comes as its beginning, marked as cut; the rest of it
    is passed over.
    """
    tail, passing, parting = b"", False, end.encode()
    for data in _in_utf8(blocks, encoding):
        _, found, rest = data.partition(parting) if passing else (b"", parting, data)
        if not found:
            continue
        passing = False
        whole, found, beyond = (tail + rest).rpartition(parting)
        tail = beyond
        if found:
            yield LineBlock(whole + parting)
        if len(tail) > MAX_LINE_CHARS and len(as_text(tail)) > MAX_LINE_CHARS:
            yield LineBlock(
                as_utf8(as_text(tail[: _MOST_BYTES * RAW_CHARS])[:RAW_CHARS]), truncated=True
            )
            tail, passing = b"", True
    if tail:
        yield LineBlock(tail + parting)


def _in_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Small enough for a processor's cache, large enough that work per piece does not count."""
    size = 256 * 1024
    for block in _blocks_in_utf8(blocks, encoding):
        for start in range(0, len(block), size):
            yield block[start : start + size]


def _blocks_in_utf8(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("utf-8", "utf-8-sig"):
        blocks = iter(blocks)
        yield next(blocks, b"").removeprefix(codecs.BOM_UTF8 if encoding == "utf-8-sig" else b"")
        yield from blocks
        return
    decoding = marking_decoder(encoding)
    for block in blocks:
        yield as_utf8(decoding.decode(block))
    yield as_utf8(decoding.decode(b"", final=True))

"""Whole lines of a text file, in blocks of bounded size."""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from intake.detect.encoding import as_text, as_utf8, marking_decoder
from storage.records.feedback import RAW_CHARS

_MAX_CHAR_BYTES = 4  # of one character in UTF-8


@dataclass(frozen=True)
class LineBlock:
    """Whole lines with their ends, in UTF-8; an invalid byte stands for what was undecodable.

    `truncated`: the block holds only the beginning of one line that is too long to be kept; the
    number is that of the characters that a line may have.
    """

    data: bytes
    truncated: int = 0


def split_lines(data: bytes, end: str) -> list[str]:
    """Return each line with its end; the last line gets one if it has none."""
    return [line + end for line in as_text(data).removesuffix(end).split(end)] if data else []


_BLANK_LINES = {
    "\n": re.compile(rb"(?:\A|(?<=\n))(?:\r?\n)+"),
    "\r": re.compile(rb"(?:\A|(?<=\r))\r+"),
}


def drop_blank_lines(data: bytes, end: str) -> bytes:
    """Return whole lines without those that hold nothing; there may be millions in a file.

    >>> drop_blank_lines(b"\\na\\n\\r\\n\\nb\\n", "\\n")
    b'a\\nb\\n'
    """
    blank = end.encode()
    if data.startswith((b"\r", blank)) or blank * 2 in data or b"\n\r\n" in data:
        return _BLANK_LINES[end].sub(b"", data)
    return data  # as a rule; the search above is much faster


def read_line_blocks(
    blocks: Iterable[bytes], encoding: str, end: str, max_chars: int
) -> Iterator[LineBlock]:
    """Yield the lines of a file, split at `end` ("\\n" or "\\r") alone.

    Other line breaks stay inside their field. A line of more than `max_chars` characters comes as
    its beginning, marked as truncated; the rest of it is skipped.
    """
    unfinished, skipping, line_end = b"", False, end.encode()
    for data in _utf8_slices(blocks, encoding):
        # While a long line is skipped, only what follows its end counts.
        _, end_seen, rest = data.partition(line_end) if skipping else (b"", line_end, data)
        if not end_seen:
            continue
        skipping = False
        complete, end_seen, unfinished = (unfinished + rest).rpartition(line_end)
        if end_seen:
            yield LineBlock(complete + line_end)
        if len(unfinished) > max_chars and len(as_text(unfinished)) > max_chars:
            beginning = as_text(unfinished[: _MAX_CHAR_BYTES * RAW_CHARS])[:RAW_CHARS]
            yield LineBlock(as_utf8(beginning), truncated=max_chars)
            unfinished, skipping = b"", True
    if unfinished:
        yield LineBlock(unfinished + line_end)


def skip_lines(blocks: Iterable[LineBlock], count: int, end: str) -> Iterator[LineBlock]:
    """Yield the lines after the first `count`, none of which is truncated."""
    for block in blocks:
        lines = block.data.split(end.encode(), count) if count else [block.data]
        count -= len(lines) - 1
        if lines[-1]:
            yield LineBlock(lines[-1], block.truncated)


def _utf8_slices(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the file in UTF-8, in slices that fit in a processor's cache."""
    size = 256 * 1024
    for block in _utf8_blocks(blocks, encoding):
        for start in range(0, len(block), size):
            yield block[start : start + size]


def _utf8_blocks(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("utf-8", "utf-8-sig"):
        blocks = iter(blocks)
        yield next(blocks, b"").removeprefix(codecs.BOM_UTF8 if encoding == "utf-8-sig" else b"")
        yield from blocks
        return
    decoder = marking_decoder(encoding)
    for block in blocks:
        yield as_utf8(decoder.decode(block))
    yield as_utf8(decoder.decode(b"", final=True))

"""One pass over an upload's bytes before anything is read from it: what it is, and whether it was
here before.
"""

import codecs
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from intake.detect.encoding import ByteCounts

HEAD_BYTES = 64 * 1024


@dataclass(frozen=True)
class Fingerprint:
    """What the bytes of an upload say."""

    sha256: str
    size: int
    counts: ByteCounts
    line_feeds: int
    carriage_returns: int


def compute_fingerprint(blocks: Iterable[bytes]) -> Fingerprint:
    """Hash and count the bytes; memory stays the same however many there are."""
    hashed, size, head, line_feeds, returns = hashlib.sha256(), 0, b"", 0, 0
    utf8, followers = _Utf8(), np.zeros(256, dtype=np.int64)
    for block in blocks:
        hashed.update(block)
        size += len(block)
        head += block[: HEAD_BYTES - len(head)]
        line_feeds += block.count(b"\n")
        returns += block.count(b"\r")
        utf8.feed(block)
        if utf8.invalid:
            followers += _after_lower(block)
    utf8.feed(b"", final=True)
    found = ByteCounts(head, utf8.valid, utf8.invalid, followers.tolist())
    return Fingerprint(hashed.hexdigest(), size, found, line_feeds, returns)


@dataclass
class _Utf8:
    """Counts valid multi-byte sequences and invalid bytes, strictly and fast until the first
    invalid byte.
    """

    valid: int = 0
    invalid: int = 0
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")()
    )

    def feed(self, block: bytes, final: bool = False) -> None:
        before = self._decoder.getstate()
        if block.isascii() and not before[0]:
            return
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError:
            self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
            self._decoder.setstate(before)
            text = self._decoder.decode(block, final)
        invalid = (
            len(text) - len(text.encode("utf-8", "ignore").decode())
            if self._decoder.errors != "strict"
            else 0
        )
        self.invalid += invalid
        self.valid += len(text) - len(text.encode("ascii", "ignore")) - invalid


def _after_lower(block: bytes) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[256] how often each byte follows one of a to z."""
    values = np.frombuffer(block, dtype=np.uint8)
    lower = (values[:-1] >= ord("a")) & (values[:-1] <= ord("z"))
    return np.bincount(values[1:][lower], minlength=256)

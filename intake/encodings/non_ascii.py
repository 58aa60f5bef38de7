"""A sample of the lines of a file that hold bytes outside ASCII, taken over the whole file."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SPREAD_LINES = 200  # lines drawn over the whole file
_LINES_PER_BYTE = 4  # lines for each byte value, so that rare bytes are in the sample, too
_LINES_PER_BLOCK = 200
_REACH_BYTES = 300  # of a line on each side of the byte for which it is taken
_MAX_UNFINISHED_BYTES = 64 * 1024
_LINE_END = re.compile(rb"[\r\n]")
# In all encodings that share ASCII these bytes are never part of another character.
_SAFE = re.compile(rb"[\x00-\x2f]")

_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NonAsciiSample:
    """Lines, or pieces of long lines, each of which holds a byte outside ASCII."""

    lines: tuple[bytes, ...]  # drawn over the whole file
    rare: tuple[bytes, ...]  # more lines, so that each byte value of the file occurs
    present: bytes  # the byte values outside ASCII that occur in the file, ascending

    @property
    def all_lines(self) -> tuple[bytes, ...]:
        """The lines of both kinds."""
        return self.lines + self.rare


def sample_non_ascii(blocks: Iterable[bytes]) -> NonAsciiSample:
    """Sample a file in the same memory however long it is.

    The lines are drawn, because each n-th line may be the same in a file that repeats itself; with
    a fixed seed, so that the same file always gives the same sample.
    """
    draw = np.random.default_rng(0)
    counts = np.zeros(256, dtype=np.int64)
    spread: list[bytes] = []
    rare: dict[bytes, None] = {}
    examples = np.zeros(256, dtype=np.int64)
    share = 1.0  # of the lines so far that may be in the sample
    for data in _whole_lines(blocks):
        values = np.frombuffer(data, dtype=np.uint8)
        positions = np.flatnonzero(values >= 0x80)
        counts += np.bincount(values[positions], minlength=256)
        drawn = min(_LINES_PER_BLOCK, len(positions))
        for position in np.sort(draw.choice(positions, drawn, replace=False)).tolist():
            line = _line_around(data, position)
            if line and draw.random() < share:
                spread.append(line)
        if len(spread) > 2 * SPREAD_LINES:
            share *= SPREAD_LINES / len(spread)
            spread = _draw(draw, spread)
        for position in _rare_positions(values[positions], positions, examples):
            if line := _line_around(data, position):
                rare[line] = None
    lines = tuple(dict.fromkeys(_draw(draw, spread)))
    present = bytes(np.flatnonzero(counts[0x80:]).astype(np.uint8) + 0x80)
    return NonAsciiSample(lines, tuple(line for line in rare if line not in lines), present)


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file in pieces that end where a character ends."""
    unfinished = b""
    for block in blocks:
        data = unfinished + block
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if len(data) - end > _MAX_UNFINISHED_BYTES:
            end = max((match.end() for match in _SAFE.finditer(data[-1024:])), default=1024)
            end += len(data) - 1024
        unfinished = data[end:]
        if end:
            yield data[:end]
    yield unfinished + b"\n"


def _draw(draw: np.random.Generator, lines: Sequence[bytes]) -> list[bytes]:
    """Return SPREAD_LINES of the lines, or all if there are no more, in their order."""
    count = min(SPREAD_LINES, len(lines))
    return (
        [lines[at] for at in np.sort(draw.choice(len(lines), count, replace=False))]
        if count
        else []
    )


def _rare_positions(
    values: _Bytes, positions: npt.NDArray[np.int64], examples: npt.NDArray[np.int64]
) -> Iterator[int]:
    """Yield positions of byte values that have too few `examples` so far, and count them there."""
    for value in np.unique(values).tolist():
        missing = int(_LINES_PER_BYTE - examples[value])
        if missing > 0:
            found = positions[np.flatnonzero(values == value)[:missing]].tolist()
            examples[value] += len(found)
            yield from found


def _line_around(data: bytes, position: int) -> bytes:
    """Return the line that has the position, or the piece of it that begins and ends safely."""
    before = data[max(0, position - _REACH_BYTES) : position]
    starts = [match.end() for match in _LINE_END.finditer(before)]
    if not starts and position > _REACH_BYTES:
        starts = [match.end() for match in _SAFE.finditer(before)][:1]
        if not starts:
            return b""
    start = position - len(before) + (starts[-1] if starts else 0)
    after = data[position : position + _REACH_BYTES]
    end_of_line = _LINE_END.search(after)
    if end_of_line:
        return data[start : position + end_of_line.start()]
    ends = [match.start() for match in _SAFE.finditer(after)]
    return data[start : position + ends[-1]] if ends else b""

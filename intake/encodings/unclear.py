"""The error of a file whose encoding is not certain: the candidates, and a line read in each."""

from intake.encodings.readings import Reading
from intake.errors import UnreadableUpload

_BEFORE, _CHARS = 25, 60  # characters shown before the first that differs, and in all
_ADVICE = "Name the right one with --encoding NAME, or save the file as UTF-8."


def unclear_encoding_error(name: str, readings: tuple[Reading, ...]) -> UnreadableUpload:
    """Return the error of the upload `name`; `readings` are the candidates, the best first."""
    if not readings:
        problem = "it is not UTF-8, and some of its bytes are no characters in any usual encoding"
        return UnreadableUpload(name, problem, _ADVICE)
    line, start = _first_difference(readings)
    shown = "; ".join(
        f"{reading.encoding} reads {reading.lines[line][start : start + _CHARS].strip()!r}"
        for reading in readings
    )
    return UnreadableUpload(
        name, f"it is not UTF-8, and its encoding is not certain: {shown}", _ADVICE
    )


def _first_difference(readings: tuple[Reading, ...]) -> tuple[int, int]:
    """Return the line, and where to show it from, in which the second reading is another.

    With one reading it is the first line.
    """
    best, other = readings[0], readings[min(1, len(readings) - 1)]
    for number, (mine, its) in enumerate(zip(best.lines, other.lines, strict=True)):
        if mine != its:
            same = next((at for at, (a, b) in enumerate(zip(mine, its, strict=False)) if a != b), 0)
            return number, max(0, same - _BEFORE)
    return 0, 0

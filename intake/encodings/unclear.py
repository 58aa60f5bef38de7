"""The error of a file whose encoding is not certain: the candidates, and a line read in each."""

from intake.encodings.readings import Reading
from intake.errors import UnreadableUpload

_BEFORE, _CHARS = 25, 60  # characters shown before the first that differs, and in all
_OR_UTF8 = "It may also be UTF-8 with damaged rows, which --encoding utf-8 rejects."
_ADVICE = "Name the right one with --encoding NAME, or save the file as UTF-8."


def unclear_encoding_error(
    name: str, readings: tuple[Reading, ...], *, mostly_utf8: bool = False
) -> UnreadableUpload:
    """Return the error of the upload `name`; `readings` are the candidates, the best first.

    `mostly_utf8`: it may also be UTF-8 with damaged rows.
    """
    advice = f"{_OR_UTF8} {_ADVICE}" if mostly_utf8 else _ADVICE
    if not readings:
        problem = "it is not UTF-8, and some of its bytes are no characters in any usual encoding"
        return UnreadableUpload(name, problem, advice)
    line, start = _first_difference(readings)
    shown = "; ".join(
        f"{reading.encoding} reads {reading.lines[line][start : start + _CHARS].strip()!r}"
        for reading in readings
    )
    return UnreadableUpload(
        name, f"it is not UTF-8, and its encoding is not certain: {shown}", advice
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

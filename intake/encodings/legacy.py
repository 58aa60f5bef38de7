"""The choice among legacy encodings: the one that chardet finds and that reads plausibly, if no
other reads the file differently and nearly as well.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intake.encodings.non_ascii import NonAsciiSample
from intake.encodings.readings import (
    COMMON_ENCODINGS,
    ENCODINGS,
    USUAL_ENCODING,
    Reading,
    read_sample,
)

_CHARDET_BYTES = 16 * 1024  # chardet's statistics use no more
_MAX_IMPLAUSIBLE = 0.35  # of the characters: nothing fits above this
_CLOSE = 0.6  # a reading whose score is this share of the best one's is nearly as good
_CLOSE_IN_FEW_WORDS = 0.15  # the same, where chardet had few words to judge by
_FEW_BYTES = 16  # outside ASCII, in different words
# The difference in plausibility that decides between two, at the characters where they differ
_OUT_OF_PLACE = 0.35
_NEGLIGIBLE = 0.02
_FEW_DIFFER = 0.2  # of the characters: chardet's confidence says little about these
_CLOSE_WHERE_FEW_DIFFER = 0.05
_AS_PLAUSIBLE = 0.1  # the difference between two that are as plausible as each other
_PLAUSIBLE = 0.05  # of the characters out of place, in a reading that comes into question
_SHOWN = 6

# A word with bytes outside ASCII; the other words say nothing about the encoding.
_WORD = re.compile(rb"[^\x00-\x2f]*[\x80-\xff][^\x00-\x2f]*")


@dataclass(frozen=True)
class LegacyChoice:
    """The readings of a sample that come into question, the best first.

    `certain`: the first is it.
    """

    readings: tuple[Reading, ...]
    certain: bool


def choose_legacy(sample: NonAsciiSample) -> LegacyChoice:
    """Return which encoding the sample has."""
    words = list(dict.fromkeys(_WORD.findall(b"\n".join(sample.lines))))
    few = sum(byte > 0x7F for byte in b"".join(words)) < _FEW_BYTES
    readings = read_sample(sample, _likelihoods(words), few)
    if few:
        readings = _without_rare(readings)
    readings.sort(key=_score, reverse=True)
    if not readings:
        return LegacyChoice((), certain=False)
    best, others = readings[0], readings[1:]
    close = _CLOSE_IN_FEW_WORDS if few else _CLOSE
    rivals = [
        other
        for other in others
        if _is_rival(other, best, close) or (few and _is_usual_and_plausible(other, best))
    ]
    certain = not rivals and best.implausible <= _MAX_IMPLAUSIBLE
    shown = rivals + [
        other
        for other in others
        if other not in rivals and _score(other) >= _NEGLIGIBLE * _score(best)
    ]
    return LegacyChoice((best, *shown[: _SHOWN - 1]), certain)


def _score(reading: Reading) -> float:
    """Return chardet's confidence, less for each implausible character."""
    return reading.likelihood * (1 - min(1.0, reading.implausible)) ** 4


def _without_rare(readings: list[Reading]) -> list[Reading]:
    """Leave out rare encodings if a common one reads the few words plausibly."""
    common = [reading for reading in readings if reading.encoding in COMMON_ENCODINGS]
    plausible = any(reading.implausible <= _PLAUSIBLE for reading in common)
    return common if plausible else readings


def _is_usual_and_plausible(other: Reading, best: Reading) -> bool:
    """Return True if the usual encoding of exports reads a few words as plausibly as the best.

    chardet's confidence says nothing about so few.
    """
    if other.encoding != USUAL_ENCODING or not best.is_single_byte:
        return False
    return _how_much_worse(other, best) < _AS_PLAUSIBLE


def _is_rival(other: Reading, best: Reading, close: float) -> bool:
    """Return True if the other reading is nearly as good as the best."""
    share = _score(other) / _score(best) if _score(best) else 1.0
    if not (other.is_single_byte and best.is_single_byte):
        return share >= close
    worse = _how_much_worse(other, best)
    if abs(worse) >= _OUT_OF_PLACE:
        return worse < 0 and share >= _NEGLIGIBLE
    # chardet's confidence comes from the characters that both read in the same way.
    if len(best.faults_where_other(other)) < _FEW_DIFFER * best.characters:
        close = min(close, _CLOSE_WHERE_FEW_DIFFER)
    return share >= close


def _how_much_worse(other: Reading, best: Reading) -> float:
    """Return by how much a character that both read differently is less plausible in the other.

    The mean over these characters, -1 to 1. Both readings are of single bytes.
    """
    its_faults, faults = other.faults_where_other(best), best.faults_where_other(other)
    return (sum(its_faults) - sum(faults)) / max(1, len(faults))


def _likelihoods(words: Sequence[bytes]) -> Mapping[str, float]:
    """Return chardet's confidence for each encoding, by its names."""
    import chardet

    results = chardet.detect_all(
        b"\n".join(words)[:_CHARDET_BYTES],
        ignore_threshold=True,
        compat_names=False,
        include_encodings=ENCODINGS.values(),
    )
    return {result["encoding"]: result["confidence"] for result in results if result["encoding"]}

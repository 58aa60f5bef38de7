"""The readings of a sample: what the lines say in each encoding that the file may have."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from intake.encodings.non_ascii import NonAsciiSample
from intake.encodings.plausibility import implausibility

# Python's name of each encoding → chardet's, the more common first. Of encodings that read a file
# in the same way the first is taken.
ENCODINGS: Mapping[str, str] = {
    "windows-1252": "cp1252", "windows-1251": "cp1251", "gb18030": "gb18030", "cp932": "cp932",
    "euc_jp": "euc_jis_2004", "cp949": "cp949", "big5hkscs": "big5hkscs", "windows-1250": "cp1250",
    "windows-1254": "cp1254", "windows-1253": "cp1253", "iso-8859-15": "iso8859-15",
    "iso-8859-2": "iso8859-2", "iso-8859-9": "iso8859-9", "iso-8859-7": "iso8859-7",
    "mac_roman": "mac-roman", "cp850": "cp850", "cp437": "cp437", "koi8-r": "koi8-r",
    "koi8-u": "koi8-u", "cp866": "cp866", "cp852": "cp852", "windows-1257": "cp1257",
    "windows-1255": "cp1255", "windows-1256": "cp1256", "windows-1258": "cp1258", "cp874": "cp874",
    "iso-8859-1": "iso8859-1", "iso-8859-5": "iso8859-5", "iso-8859-13": "iso8859-13",
    "iso-8859-6": "iso8859-6", "iso-8859-8": "iso8859-8", "cp857": "cp857", "cp855": "cp855",
    "cp737": "cp737", "cp862": "cp862", "cp775": "cp775", "mac_cyrillic": "mac-cyrillic",
    "mac_latin2": "mac-latin2", "mac_greek": "mac-greek", "mac_turkish": "mac-turkish",
}  # fmt: skip
_COMMON, _LESS_COMMON = 14, 20  # encodings from the first on
USUAL_ENCODING = "windows-1252"
COMMON_ENCODINGS = frozenset(list(ENCODINGS)[:_LESS_COMMON])
# Lines and blocks that draw tables stand beside no letter, except where Japanese is misread.
_LINE_IN_WORD = re.compile(r"[^\W\d_][\u2500-\u259f]|[\u2500-\u259f][^\W\d_]")
_MULTI_BYTE = frozenset({"gb18030", "cp932", "euc_jp", "cp949", "big5hkscs"})


@dataclass(frozen=True)
class Reading:
    """The lines of a sample in one encoding. `likelihood`: chardet's confidence, 0 to 1."""

    encoding: str
    lines: tuple[str, ...]
    likelihood: float

    @cached_property
    def faults(self) -> list[list[float]]:
        """The implausibility of each character of each line."""
        return implausibility(self.lines)

    @cached_property
    def implausible(self) -> float:
        """The mean implausibility of the characters outside ASCII, 0 to 1."""
        return sum(map(sum, self.faults)) / max(1, self.characters)

    @property
    def is_single_byte(self) -> bool:
        """Whether each byte is one character."""
        return self.encoding not in _MULTI_BYTE

    @cached_property
    def characters(self) -> int:
        """The number of characters outside ASCII."""
        return sum(not character.isascii() for line in self.lines for character in line)

    def faults_where_other(self, other: "Reading") -> list[float]:
        """Return the implausibility of each character that the other reading has not.

        Both are of single bytes.
        """
        return [
            fault
            for line, theirs, faults in zip(self.lines, other.lines, self.faults, strict=True)
            for character, its, fault in zip(line, theirs, faults, strict=True)
            if character != its
        ]


def read_sample(
    sample: NonAsciiSample, likelihoods: Mapping[str, float], few_words: bool
) -> list[Reading]:
    """Return the readings that differ, the common encodings first.

    An encoding is out if it has no character for some byte of the file, or a control character, or
    one that draws tables beside a letter.
    `likelihoods`: by chardet's names. Where it had few words to judge by, what is common counts,
    too.
    """
    floor = max(likelihoods.values(), default=1.0) / 100
    readings: dict[tuple[str, ...], Reading] = {}
    for encoding, name in ENCODINGS.items():
        likelihood = likelihoods.get(name, 0.0)
        if few_words:
            likelihood = max(likelihood, floor) * _commonness(encoding)
        elif likelihood < floor:
            continue
        lines = tuple(_decode(sample, encoding))
        if not lines:
            continue
        first = readings.get(lines)
        if first is None or first.likelihood < likelihood:
            readings[lines] = Reading(first.encoding if first else encoding, lines, likelihood)
    return list(readings.values())


def _commonness(encoding: str) -> float:
    rank = list(ENCODINGS).index(encoding)
    return 1.0 if rank < _COMMON else 0.5 if rank < _LESS_COMMON else 0.2


def _decode(sample: NonAsciiSample, encoding: str) -> Iterator[str]:
    """Yield the lines; none if one of them, or a byte of the file, cannot be read."""
    pieces: Sequence[bytes] = sample.all_lines
    try:
        lines = [line.decode(encoding) for line in pieces]
        if encoding not in _MULTI_BYTE:
            lines.append(sample.present.decode(encoding))
    except UnicodeDecodeError:
        return
    if any("\x80" <= character <= "\x9f" for character in chain.from_iterable(lines)):
        return
    if any(map(_LINE_IN_WORD.search, lines[: len(pieces)])):
        return
    yield from lines[: len(pieces)]

"""The plausibility of a line of text as one encoding reads it, judged by the neighbours of each
character outside ASCII: mojibake has symbols and capitals inside words.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from intake.encodings.alphabets import strange_letters

_STRANGE = 0.8  # of a letter that the language of its line lacks: it may be part of a name
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI")
_NOT_LATIN = frozenset(_SCRIPTS[1:])
_IDEOGRAPHIC = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "KATAKANA-HIRAGANA", "BOPOMOFO")
_WITH_ALPHABETS = ("LATIN", "CYRILLIC")
_USUAL_SYMBOLS = frozenset("“”‘’„‚«»‹›–—…€£¥©®™°§·•¿¡ªº½¼¾×´²³±№")
_INSIDE_WORDS = frozenset("’´·")
_INVISIBLE = frozenset("\u00a0\u00ad")  # no-break space and soft hyphen, pasted from web pages
_QUOTES_IN_PAIRS = frozenset("«»")
_DASHES = frozenset("–—")
_NOT_AFTER_LETTERS = frozenset("„‚¿¡ªº½¼¾")
_NOT_BEFORE_LETTERS = frozenset("€£¥½¼¾×±°²³ªº©®™")
# Words of one letter: à, è, é, ó, ò, y, ı and those of Cyrillic and Greek.
_SINGLE = frozenset("àèéêóòôáâåöıавикосуяжіїйєэюоηωήοό")
_SHORT_WORD = re.compile(r"\b\w{1,2}\b")
# Two capitals at the beginning of a word in small letters, the first of them outside ASCII.
_MIXED_CAPITALS = re.compile(r"(?<!\w)[^\x00-\x7f][A-Z][a-z]")
_CONTRACTION = re.compile(
    r"\b(?:don|can|won|isn|aren|didn|doesn|wasn|weren|couldn|wouldn|shouldn|haven|hasn|hadn|it|i"
    r"|that|we|you|they|he|she|let|there|what|who|here)([^\x00-\x7f])(?:t|s|m|re|ve|ll|d)\b",
    re.IGNORECASE,
)


def implausibility(lines: Sequence[str]) -> list[list[float]]:
    """Return [lines][characters] 0 for what is plausible, up to 1 for what is out of place.

    ASCII is plausible.

    >>> implausibility(["Größe"]), implausibility(["Grˆﬂe"])
    ([[0.0, 0.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 1.0, 0.0]])
    """
    letters = [_letters(line) for line in lines]
    of_file = strange_letters("".join(letters), lines)
    return [
        _judge_line(line, strange_letters(its, [line]), of_file)
        for line, its in zip(lines, letters, strict=True)
    ]


def _letters(line: str) -> str:
    """Return the letters outside ASCII that alphabets tell apart, in lower case."""
    return "".join(
        letter
        for letter in line.lower()
        if not letter.isascii() and _script(letter) in _WITH_ALPHABETS
    )


def _judge_line(
    line: str, of_line: Mapping[str, float], of_file: Mapping[str, float]
) -> list[float]:
    """Judge each character.

    A letter should be in one alphabet with the others of its line, and less surely with those of
    the whole file, which may have several languages.
    """
    apostrophes = {match.start(1) for match in _CONTRACTION.finditer(line)}
    apart = _letters_apart(line)
    unpaired = line.count("«") != line.count("»")
    padded = f" {line} "
    faults = []
    for at, character in enumerate(line):
        if character.isascii():
            faults.append(0.0)
        elif (at in apostrophes and character.isalpha()) or at in apart:
            faults.append(1.0)
        elif unpaired and character in _QUOTES_IN_PAIRS:
            faults.append(0.7)
        else:
            letter = character.lower()
            strange = _STRANGE * (of_line.get(letter, 0.0) + of_file.get(letter, 0.0)) / 2
            mixed = character.isupper() and _MIXED_CAPITALS.match(padded, at + 1) is not None
            faults.append(max(strange, float(mixed), _judge(*padded[at : at + 3])))
    return faults


def _letters_apart(line: str) -> set[int]:
    """Return the positions of words of one or two letters that are not Latin in a Latin line."""
    latin = sum(character.isascii() and character.isalpha() for character in line)
    others = sum(_script(character) in _NOT_LATIN for character in line)
    if latin <= others:
        return set()
    return {
        at
        for word in _SHORT_WORD.finditer(line)
        for at in range(*word.span())
        if _script(line[at]) in _NOT_LATIN
    }


def _judge(before: str, character: str, after: str) -> float:
    """Judge one character by its neighbours."""
    if character in _INVISIBLE:
        return 0.0
    if character == "µ":
        return float(before.isalpha())
    if not character.isalpha():
        return _judge_symbol(before, character, after)
    return 1.0 if _breaks_word(before, character, after) else _oddness(before, character, after)


def _breaks_word(before: str, letter: str, after: str) -> bool:
    """Return True for a letter beside one of another script, or a capital after a small letter."""
    script = _script(letter)
    for other in (before, after):
        if other.isalpha() and "" not in (script, _script(other)) and script != _script(other):
            return True
    return (letter.isupper() and before.islower()) or (letter.islower() and after.isupper())


def _oddness(before: str, letter: str, after: str) -> float:
    """Judge a letter that stands in no word, or beside a digit."""
    if not _script(letter):  # an ideograph; half-width katakana are rare
        in_word = ("a" <= before <= "z") or ("a" <= after <= "z")
        return 0.7 if in_word else 0.3 if "\uff61" <= letter <= "\uff9f" else 0.0
    if after.isdigit():
        return 1.0
    if before.isdigit():
        return 0.3
    alone = not before.isalpha() and not after.isalpha()
    return 0.5 if alone and letter.lower() not in _SINGLE else 0.0


def _judge_symbol(before: str, symbol: str, after: str) -> float:
    if unicodedata.category(symbol)[0] == "M":
        return _judge_mark(before, symbol)
    if "\u3000" <= symbol <= "\u303f" or "\uff00" <= symbol <= "\uff60":
        return 0.0
    if symbol not in _USUAL_SYMBOLS:
        return 1.0
    if symbol in _INSIDE_WORDS:  # but seldom just before a word, and never in Greek
        if before.isalnum() or not after.isalpha():
            return 0.0
        return 1.0 if _script(after) == "GREEK" else 0.2
    if symbol in "‹›":
        return 0.5
    if symbol in _DASHES:  # one stands between spaces, or between words
        return 0.3 if before.isalpha() and after.isalpha() else _one_sided(before, after)
    if before.isalpha() and after.isalpha() and _script(before) and _script(after):
        return 1.0
    if (before.isalpha() and symbol in _NOT_AFTER_LETTERS) or (
        after.isalpha() and symbol in _NOT_BEFORE_LETTERS
    ):
        return 1.0
    return 0.0


def _judge_mark(before: str, mark: str) -> float:
    """Judge a mark, which belongs to the letter, or the mark, before it."""
    script = unicodedata.name(mark, "").partition(" ")[0]
    if script == "COMBINING":  # over Latin letters, which only Vietnamese has in an encoding
        return 0.5
    carried = unicodedata.category(before)[0] == "M" or _script(before) == script
    return 0.0 if carried else 1.0


def _one_sided(before: str, after: str) -> float:
    """Return 0.5 if there is a letter on one side and a space on the other, else 0."""
    sides = {before.isalpha() - before.isspace(), after.isalpha() - after.isspace()}
    return 0.5 if sides == {1, -1} else 0.0


@lru_cache(maxsize=1 << 14)
def _script(letter: str) -> str:
    """Return the script of a letter; none for ideographs, which stand beside any, and symbols."""
    if not letter.isalpha():
        return ""
    word = unicodedata.name(letter, "").partition(" ")[0]
    if word in _IDEOGRAPHIC or word.startswith(("HALFWIDTH", "FULLWIDTH")):
        return ""
    return word if word in _SCRIPTS else "LATIN" if letter < "\x80" else "OTHER"

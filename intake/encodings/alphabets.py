"""The letters outside ASCII of languages with Latin and Cyrillic scripts, and common words."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

_MAX_WORDS = 3  # of a line that count: more say no more
_BORROWED = frozenset("é")  # in words such as café in any language with the Latin script
_WORD = re.compile(r"\w{2,}")
_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"

# In an English text any letter outside ASCII is part of a name, of any language.
_ENGLISH_WORDS = """
the and is it was to of for in on not but very with this that my me at are we they you have had
about from all be as so her his by
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_LANGUAGES = (
    ("äöüß", "und der das nicht ist mit ein auch aber sehr ich wie"),  # German
    ("àâæçéèêëîïôœùûüÿ", "le la des pas une que pour dans qui avec sur tout"),  # French
    ("áéíñóúü", "el la los que con una por del muy pero es todo las"),  # Spanish
    ("àçèéíïòóúü", "els amb una molt que"),  # Catalan
    ("áâãàçéêíóôõúü", "que uma para muito mas meu os em"),  # Portuguese
    ("àèéìíîòóù", "che non una il la con del della sono molto era stata"),  # Italian
    ("åäöé", "och att det inte var jag med"),  # Swedish
    ("äöå", "ei se oli mutta"),  # Finnish
    ("æøåé", "og det ikke var jeg med"),  # Danish, Norwegian
    ("áðéíóúýþæö", "og ekki sem var"),  # Icelandic
    ("éëïóöüèê", "het een niet met maar ook"),  # Dutch
    ("ąćęłńóśźż", "nie na jest ale bardzo za jak po"),  # Polish
    ("áčďéěíňóřšťúůýž", "je na se ale jsem bylo si"),  # Czech
    ("áäčďéíĺľňóôŕšťúýž", "je na sa ale bolo"),  # Slovak
    ("áéíóöőúüű", "nem egy hogy az volt meg"),  # Hungarian
    ("ăâîșțşţ", "nu este cu pentru mai foarte din"),  # Romanian
    ("čćđšž", "je na se nije za sam"),  # Croatian, Slovene
    ("çğıöşüâîû", "bir bu ve ama gibi yok daha ile"),  # Turkish
    ("āčēģīķļņšūž", "un ir bet nav ar"),  # Latvian
    ("ąčęėįšųūž", "ir yra bet su"),  # Lithuanian
    ("äõöüšž", "ei see oli"),  # Estonian
    ("çë", "dhe nuk"),  # Albanian
    (_RUSSIAN, ""),
    ("абвгдежзийклмнопрстуфхцчшьюяіїєґщ", ""),  # Ukrainian
    ("абвгдежзйклмнопрстуфхцчшыьэюяёіў", ""),  # Belarusian
    ("абвгдђежзијклљмнњопрстћуфхцчџшѓѕќ", ""),  # Serbian, Macedonian
)
_ALPHABETS = tuple((frozenset(letters), frozenset(words.split())) for letters, words in _LANGUAGES)


def strange_letters(letters: str, lines: Sequence[str]) -> dict[str, float]:
    """Return for each letter the share of the best languages that lack it.

    The best languages are those that hold most of the letters, and most common words of the lines.
    Letters that no language has together are strange in the share that it lacks.

    >>> strange_letters("èû", ["crème brûlée"])
    {'è': 0.0, 'û': 0.0}
    >>> strange_letters("č", ["per la spedizione č stata"])
    {'č': 1.0}
    """
    counts = Counter(letter for letter in letters if letter not in _BORROWED)
    held = [sum(counts[letter] for letter in alphabet) for alphabet, _ in _ALPHABETS]
    scores = [letters + words for letters, words in zip(held, _words_of_lines(lines), strict=True)]
    best = [position for position, score in enumerate(scores) if score == max(scores)]
    unheld = 1 - max(held[position] for position in best) / max(1, counts.total())
    return {
        letter: max(
            unheld, sum(letter not in _ALPHABETS[position][0] for position in best) / len(best)
        )
        for letter in counts
    }


def _words_of_lines(lines: Sequence[str]) -> Iterator[int]:
    """Yield for each language how many common words the lines have."""
    yield from (sum(counts) for counts in zip(*map(_words_of, lines), strict=True))


@lru_cache(maxsize=4096)
def _words_of(line: str) -> tuple[int, ...]:
    """Return how many of its words each language has more than English, at most _MAX_WORDS."""
    words = frozenset(_WORD.findall(line.lower()))
    english = len(_ENGLISH & words)
    return tuple(min(_MAX_WORDS, max(0, len(common & words) - english)) for _, common in _ALPHABETS)

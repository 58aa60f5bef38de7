"""The letters outside ASCII of languages with Latin and Cyrillic scripts, in lower case."""

_BORROWED = frozenset("é")  # in words such as café in any language with the Latin script
_RUSSIAN = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё")

ALPHABETS: tuple[frozenset[str], ...] = (
    frozenset("äöüß"),  # German
    frozenset("àâæçéèêëîïôœùûüÿ"),  # French
    frozenset("áéíñóúü"),  # Spanish
    frozenset("àçèéíïòóúü"),  # Catalan
    frozenset("áâãàçéêíóôõúü"),  # Portuguese
    frozenset("àèéìíîòóù"),  # Italian
    frozenset("åäöé"),  # Swedish, Finnish
    frozenset("æøåé"),  # Danish, Norwegian
    frozenset("áðéíóúýþæö"),  # Icelandic
    frozenset("éëïóöüèê"),  # Dutch
    frozenset("ąćęłńóśźż"),  # Polish
    frozenset("áčďéěíňóřšťúůýž"),  # Czech
    frozenset("áäčďéíĺľňóôŕšťúýž"),  # Slovak
    frozenset("áéíóöőúüű"),  # Hungarian
    frozenset("ăâîșțşţ"),  # Romanian
    frozenset("čćđšž"),  # Croatian, Slovene
    frozenset("çğıöşüâîû"),  # Turkish
    frozenset("āčēģīķļņšūž"),  # Latvian
    frozenset("ąčęėįšųūž"),  # Lithuanian
    frozenset("äõöüšž"),  # Estonian
    frozenset("çë"),  # Albanian
    _RUSSIAN,
    _RUSSIAN - frozenset("ыэъё") | frozenset("іїєґ"),  # Ukrainian
    _RUSSIAN - frozenset("щъи") | frozenset("іў"),  # Belarusian
    frozenset("абвгдђежзијклљмнњопрстћуфхцчџшѓѕќ"),  # Serbian, Macedonian
)


def strangeness(letters: str) -> dict[str, float]:
    """Return for each letter the share of the best alphabets that lack it.

    The best alphabets are those that hold most of the letters.

    >>> strangeness("èûß")
    {'è': 0.0, 'û': 0.0, 'ß': 1.0}
    """
    letters = "".join(letter for letter in letters if letter not in _BORROWED)
    held = [sum(map(alphabet.__contains__, letters)) for alphabet in ALPHABETS]
    best = [alphabet for alphabet, count in zip(ALPHABETS, held, strict=True) if count == max(held)]
    return {
        letter: sum(letter not in alphabet for alphabet in best) / len(best) for letter in letters
    }

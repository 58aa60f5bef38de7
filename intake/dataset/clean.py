"""Cleaning: a text as the models read it."""

import re
from unicodedata import normalize

# Control characters that are not white space, the byte order mark and the zero width space.
# The zero width joiner and non-joiner stay: emoji and Persian need them.
_REMOVED = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\ufeff]")

# RE2: a text that does not match this is clean already. Characters that are NFC by themselves and
# never join the one before: most of Latin, Greek, Cyrillic, Hebrew, Arabic, kana, Chinese and
# Korean; quotes, dashes, currencies, emoji.
_CLEAN = (
    r"\x20-\x7e\x{a1}-\x{2ff}\x{391}-\x{3ce}\x{400}-\x{482}\x{48a}-\x{52f}\x{5d0}-\x{5ea}"
    r"\x{620}-\x{64a}\x{200c}-\x{200f}\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20bf}"
    r"\x{2190}-\x{21ff}\x{2600}-\x{27bf}\x{3001}-\x{3029}\x{3041}-\x{3096}\x{30a1}-\x{30fa}"
    r"\x{4e00}-\x{9fff}\x{ac00}-\x{d7a3}\x{fe0f}\x{ff01}-\x{ff5e}\x{1f300}-\x{1faff}"
)
MAY_NEED_CLEANING = f"[^{_CLEAN}]|  |^ | $"


def clean_text(text: str) -> str:
    """Return the text in NFC, without control characters, with single spaces and none at the ends.

    Idempotent.

    >>> clean_text(" Great\\u00a0\\tapp\\x00,\\nlove it ")
    'Great app, love it'
    """
    # NFC comes second: taking a character out may bring a letter and its accent together.
    return " ".join(normalize("NFC", _REMOVED.sub("", text)).split())

"""One text as the models read it."""

import re
from unicodedata import normalize

# Control characters that are not white space, the byte order mark and the zero width space.
# The zero width joiner and non-joiner stay: emoji and Persian need them.
_GONE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\ufeff]")

# RE2: a text that does not match this is clean already.
MAY_NEED_CLEANING = r"[^\x20-\x7e]|  |^ | $"


def clean(text: str) -> str:
    """NFC, without control characters, every run of white space one space, none at the ends. Idempotent.

    >>> clean(" Great\\u00a0\\tapp\\x00,\\nlove it ")
    'Great app, love it'
    """
    # NFC comes second, because taking a character out may bring a letter and its accent together.
    return " ".join(normalize("NFC", _GONE.sub("", text)).split())

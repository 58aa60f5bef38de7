"""In which encoding a text file is, decided from counts of its bytes; and decoding that marks what
is invalid.
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from intake.errors import UnreadableUpload

INVALID_MARK = (
    "\ud800"  # stands in decoded text where bytes were invalid: never part of a valid text
)
_MARKING = "chorus-mark-invalid"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = frozenset(
    {"idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape", "undefined"}
)


@dataclass(frozen=True)
class ByteCounts:
    """What the decision needs to know of a file."""

    head: bytes  # the first of it
    valid_sequences: int  # multi-byte sequences that are valid UTF-8
    invalid_bytes: int  # bytes that are not
    after_lowercase: Sequence[int]  # [256] how often each byte follows one of a to z


@dataclass(frozen=True)
class Encoding:
    """How the file will be decoded. `notice` tells people when that was a choice."""

    name: str
    notice: str | None = None


def choose_encoding(name: str, requested: str | None, counts: ByteCounts) -> Encoding:
    """The encoding asked for; else by byte order mark, as UTF-8 if it is (mostly) that, else
    windows-1252 or Mac Roman.

    Raises UnreadableUpload for an unknown encoding, and for UTF-16 without a byte order mark.
    """
    if requested is not None:
        return Encoding(_known(name, requested, counts.head))
    for mark, encoding in _BOMS:
        if counts.head.startswith(mark):
            return Encoding(encoding)
    _refuse_bare_utf16(name, counts.head)
    if not counts.invalid_bytes:
        return Encoding("utf-8")
    if counts.valid_sequences > counts.invalid_bytes:
        notice = f"read as utf-8 with {counts.invalid_bytes} invalid bytes: the rows that hold them are rejected"
        return Encoding("utf-8", notice)
    legacy = min(
        ("windows-1252", "mac_roman"),
        key=lambda encoding: _implausible(encoding, counts.after_lowercase),
    )
    return Encoding(
        legacy, f"read as {legacy}: not UTF-8, and this fits best; --encoding says otherwise"
    )


def _known(name: str, asked: str, head: bytes) -> str:
    """Python's name of the encoding asked for."""
    try:
        found = codecs.lookup(asked).name
        b" ".decode(found, "ignore")  # LookupError for codecs that do not make text, such as base64
    except (LookupError, ValueError):
        found = ""
    if not found or found in _NO_TEXT:
        advice = "Use a name such as utf-8, utf-16, windows-1252, mac_roman, iso-8859-1, shift_jis or gb18030."
        raise UnreadableUpload(name, f"there is no text encoding {asked[:60]!r}", advice)
    try:
        marking_decoder(found).decode(head)
    # invalid bytes never are an error: this is UTF-16 or UTF-32 without its mark
    except UnicodeError as error:
        raise UnreadableUpload(
            name, f"it cannot be read as {found} ({error})", f"Try {found}-le or {found}-be."
        ) from None
    return "utf-8-sig" if found == "utf-8" and head.startswith(codecs.BOM_UTF8) else found


def marking_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder that never fails: each invalid sequence of bytes becomes one MARK."""
    codecs.register_error(_MARKING, _mark)
    return codecs.getincrementaldecoder(encoding)(_MARKING)


def as_utf8(text: str) -> bytes:
    """Decoded text as UTF-8, with a byte that never occurs there for each MARK; `as_text` is the
    way back.
    """
    codecs.register_error(_MARKING, _mark)
    return text.encode("utf-8", _MARKING)


def as_text(data: bytes) -> str:
    """UTF-8 as text, with a MARK for each invalid sequence of bytes."""
    codecs.register_error(_MARKING, _mark)
    return data.decode("utf-8", _MARKING)


def _mark(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return INVALID_MARK, error.end
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    raise error


def _refuse_bare_utf16(name: str, head: bytes) -> None:
    """Text in Latin letters has a NUL as every second byte there."""
    half = len(head) // 2
    for offset, order in ((1, "utf-16-le"), (0, "utf-16-be")):
        if (
            half
            and head[offset::2].count(0) > 0.5 * half
            and head[1 - offset :: 2].count(0) < 0.1 * half
        ):
            found = "it looks like UTF-16 without a byte order mark"
            raise UnreadableUpload(
                name, found, f"Run again with --encoding {order}, or save it as UTF-8."
            )


def _implausible(encoding: str, after_lower: Sequence[int]) -> int:
    """How often a lower-case letter is followed by what hardly follows one: a capital (donÕt), or
    no character at all.

    windows-1252 has its quotation marks where Mac Roman has lower-case letters, and the other way
    about.
    """
    count = 0
    for byte in range(128, 256):
        character = bytes([byte]).decode(encoding, errors="ignore")
        if not character or character.isupper():
            count += after_lower[byte]
    return count

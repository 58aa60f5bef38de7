"""The encoding of a text file, chosen from its bytes; and decoding that marks invalid bytes."""

import codecs
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from intake.detect.file_format import refuse_binary
from intake.encodings.legacy import choose_legacy
from intake.encodings.non_ascii import sample_non_ascii
from intake.encodings.unclear import unclear_encoding_error
from intake.errors import UnreadableUpload

# Stands in decoded text where bytes were invalid. A lone surrogate is never part of a valid text.
INVALID_MARK = "\ud800"
# A file is UTF-8 with damaged rows if it has so many valid sequences for each invalid byte. Chinese
# in GBK has some that are valid by chance.
_VALID_FOR_EACH_INVALID = 4
_ERROR_HANDLER = "chorus-mark-invalid"
_ESCAPE_ENCODINGS = ("iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext", "iso2022_kr")
# Those of UTF-32 first: that of UTF-16 is the beginning of one of them.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_NO_TEXT_ENCODINGS = frozenset(
    {"idna", "punycode", "unicode-escape", "unicode_escape", "raw-unicode-escape", "undefined"}
)


@dataclass(frozen=True)
class ByteCounts:
    """The facts about a file's bytes from which its encoding is chosen."""

    head: bytes  # the first bytes of the file
    valid_sequences: int  # multi-byte sequences that are valid UTF-8
    invalid_bytes: int  # bytes that are not valid UTF-8
    has_escapes: bool = False  # ESC $, by which ISO-2022 changes to another character set


@dataclass(frozen=True)
class Encoding:
    """The encoding by which a file will be decoded. `notice`: for people, if it was a guess."""

    name: str
    notice: str | None = None


def choose_encoding(
    name: str,
    requested: str | None,
    counts: ByteCounts,
    read_blocks: Callable[[], Iterable[bytes]],
) -> Encoding:
    """Return the encoding of the upload `name`.

    That is the requested one; else the one of the byte order mark; else UTF-8 if nearly all
    multi-byte sequences are valid; else the legacy encoding that `choose_legacy` finds for certain
    in the file, which `read_blocks` reads once more. Raises UnreadableUpload for an unknown
    encoding, for binary data, for UTF-16 without a byte order mark, and where none is certain.
    """
    if requested is not None:
        return Encoding(_python_name(name, requested, counts.head))
    marked = _marked_encoding(counts.head)
    if marked in ("utf-16", "utf-32"):
        return Encoding(marked)
    _refuse_bare_utf16(name, counts.head)
    if counts.has_escapes and not counts.valid_sequences + counts.invalid_bytes:
        for encoding in _ESCAPE_ENCODINGS:
            if _reads_all(encoding, read_blocks()):
                return Encoding(encoding, f"read as {encoding}, whose escape sequences it has")
    refuse_binary(name, counts.head)
    if marked is not None:
        return Encoding(marked)
    if not counts.invalid_bytes:
        return Encoding("utf-8")
    if counts.valid_sequences >= _VALID_FOR_EACH_INVALID * counts.invalid_bytes:
        notice = (
            f"read as utf-8 with {counts.invalid_bytes} invalid bytes: the rows that hold them are "
            "rejected"
        )
        return Encoding("utf-8", notice)
    choice = choose_legacy(sample_non_ascii(read_blocks()))
    if not choice.certain or not _reads_all(choice.readings[0].encoding, read_blocks()):
        mostly_utf8 = counts.valid_sequences > counts.invalid_bytes
        raise unclear_encoding_error(name, choice.readings, mostly_utf8=mostly_utf8)
    encoding = choice.readings[0].encoding
    notice = f"read as {encoding}: not UTF-8, and this fits best; --encoding says otherwise"
    return Encoding(encoding, notice)


def _marked_encoding(head: bytes) -> str | None:
    """Return the encoding of the byte order mark, if there is one."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def _reads_all(encoding: str, blocks: Iterable[bytes]) -> bool:
    """Return True if every byte of the file is part of a character."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _python_name(name: str, requested: str, head: bytes) -> str:
    """Return Python's name of the requested encoding. Raises UnreadableUpload."""
    try:
        encoding = codecs.lookup(requested).name
        # LookupError for codecs that do not make text, such as base64
        b" ".decode(encoding, "ignore")
    except (LookupError, ValueError):
        encoding = ""
    if not encoding or encoding in _NO_TEXT_ENCODINGS:
        advice = (
            "Use a name such as utf-8, utf-16, windows-1252, mac_roman, iso-8859-1, shift_jis or "
            "gb18030."
        )
        raise UnreadableUpload(name, f"there is no text encoding {requested[:60]!r}", advice)
    try:
        marking_decoder(encoding).decode(head)
    # Invalid bytes never are an error here: this is UTF-16 or UTF-32 without its byte order mark.
    except UnicodeError as error:
        raise UnreadableUpload(
            name,
            f"it cannot be read as {encoding} ({error})",
            f"Try {encoding}-le or {encoding}-be.",
        ) from None
    return "utf-8-sig" if encoding == "utf-8" and head.startswith(codecs.BOM_UTF8) else encoding


def marking_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a decoder that never fails: each invalid sequence of bytes becomes INVALID_MARK."""
    codecs.register_error(_ERROR_HANDLER, _replace_invalid)
    return codecs.getincrementaldecoder(encoding)(_ERROR_HANDLER)


def as_utf8(text: str) -> bytes:
    """Return decoded text as UTF-8; each INVALID_MARK becomes a byte that UTF-8 never holds.

    `as_text` is the inverse.
    """
    codecs.register_error(_ERROR_HANDLER, _replace_invalid)
    return text.encode("utf-8", _ERROR_HANDLER)


def as_text(data: bytes) -> str:
    """Return UTF-8 as text; each invalid sequence of bytes becomes INVALID_MARK."""
    codecs.register_error(_ERROR_HANDLER, _replace_invalid)
    return data.decode("utf-8", _ERROR_HANDLER)


def _replace_invalid(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return INVALID_MARK, error.end
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    raise error


def _refuse_bare_utf16(name: str, head: bytes) -> None:
    """Raise UnreadableUpload for UTF-16 without a byte order mark.

    In it, text in Latin letters has a NUL as every second byte.
    """
    half = len(head) // 2
    for offset, order in ((1, "utf-16-le"), (0, "utf-16-be")):
        if (
            half
            and head[offset::2].count(0) > 0.5 * half
            and head[1 - offset :: 2].count(0) < 0.1 * half
        ):
            raise UnreadableUpload(
                name,
                "it looks like UTF-16 without a byte order mark",
                f"Run again with --encoding {order}, or save it as UTF-8.",
            )

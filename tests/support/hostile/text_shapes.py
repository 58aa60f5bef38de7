"""CSV files of absurd shapes: endless lines, fields, columns and quotes, and bytes of no text."""

import random
from collections.abc import Iterator

from tests.support.hostile.content import Write, content, filled
from tests.support.hostile.gzip_bombs import CSV_UNITS

_SIZE = 12 << 20


def files() -> Iterator[tuple[str, Write]]:
    for name, unit in CSV_UNITS.items():
        yield f"plain-{name}.csv", filled(b"id,text\n1,a\n", unit, _SIZE // len(unit))
        yield f"only-{name}.csv", filled(b"", unit, 1 << 20)
    yield from _quotes()
    yield from _columns()
    yield from _lines_and_fields()
    yield from _bytes()


def _quotes() -> Iterator[tuple[str, Write]]:
    yield (
        "quote-never-closed.csv",
        content(lambda: b'id,text\n1,"a\n' + b"2,some words\n" * 900_000),
    )
    yield "quote-in-every-line.csv", content(lambda: b"id,text\n" + b'1,"a\n' * 1_000_000)
    yield "quote-after-text.csv", content(lambda: b"id,text\n" + b'1,a"b"c"\n' * 500_000)
    yield "quote-reopened.csv", content(lambda: b"id,text\n" + b'1,a",",c\n' * 500_000)
    yield "quote-escaped.csv", content(lambda: b'id,text\n1,"' + b'""' * 4_000_000 + b'"\n')
    yield "quote-with-returns.csv", content(lambda: b"id,text\n" + b'1,"a\rb\r\n"\n' * 500_000)


def _columns() -> Iterator[tuple[str, Write]]:
    yield "columns-million-empty.csv", content(lambda: b"text" + b"," * 1_000_000 + b"\na\n")
    yield "columns-same-name.csv", content(lambda: b",".join([b"text"] * 50_000) + b"\na\n")
    yield (
        "columns-wide-rows.csv",
        content(
            lambda: (
                b"text,"
                + b",".join(b"c%d" % number for number in range(9_000))
                + b"\n"
                + (b"," * 9_000 + b"\n") * 500
            )
        ),
    )
    yield "columns-long-name.csv", content(lambda: b"text," + b"x" * 6_000_000 + b"\na,b\n")
    yield (
        "columns-uneven.csv",
        content(
            lambda: (
                b"id,text\n" + b"".join(b"," * (number % 997) + b"\n" for number in range(20_000))
            )
        ),
    )


def _lines_and_fields() -> Iterator[tuple[str, Write]]:
    yield "line-of-thirty-megabytes.csv", content(lambda: b"id,text\n1," + b"word " * 6_000_000)
    yield "line-is-the-header.csv", content(lambda: b"text" * 8_000_000)
    yield (
        "field-over-many-lines.csv",
        content(lambda: b'id,text\n1,"' + b"a\n" * 6_000_000 + b'"\n2,b\n'),
    )
    yield (
        "field-of-accents.csv",
        content(lambda: b"id,text\n1," + "\u00e9".encode() * 5_000_000 + b"\n"),
    )
    yield (
        "field-of-combining-marks.csv",
        content(lambda: b"id,text\n1,a" + "\u0301\u0323".encode() * 500_000 + b"\n"),
    )
    yield (
        "field-of-spaces.csv",
        content(lambda: b"id,text\n" + (b"1," + b" a " * 300_000 + b"\n") * 8),
    )
    yield "ids-long.csv", content(lambda: b"id,text\n" + (b"9" * 500_000 + b",a\n") * 20)
    yield "ids-equal.csv", content(lambda: b"id,text\n" + b"1,a\n" * 1_000_000)


def _bytes() -> Iterator[tuple[str, Write]]:
    for size in (1, 100, 65_536, 1_000_000):
        yield f"noise-{size}.csv", filled(b"", _noise(size), 1)
        yield f"noise-after-header-{size}.csv", filled(b"id,text\n1,", _noise(size), 1)
    high = bytes(range(0x80, 0x100))
    yield "noise-high-bytes.csv", filled(b"id,text\n1,", high, 15_000)
    yield "utf16-cut.csv", content(lambda: "id,text\n1,a\n".encode("utf-16")[:-1])
    yield "utf16-surrogates.csv", content(lambda: b"\xff\xfe" + b"\x00\xd8" * 1_000_000)
    yield (
        "utf16-large.csv",
        content(lambda: "id,text\n".encode("utf-16") + b"1\x00,\x00\n\x00" * 1_000_000),
    )
    yield "utf7.csv", content(lambda: b"id,text\n1,+AGEAYg-\n" * 50_000)
    yield "marks.csv", content(lambda: b"\xef\xbb\xbf" * 1_000_000)
    yield "nul-in-texts.csv", content(lambda: b"id,text\n" + b"1,a\x00b\n" * 500_000)
    yield "escape-sequences.csv", content(lambda: b"id,text\n" + b"1,\x1b[2J\n" * 300_000)


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - no secret

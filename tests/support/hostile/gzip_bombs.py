"""Small gzip files that unpack to hundreds of megabytes, and damaged ones."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from tests.support.hostile.content import Write, content, filled

_MIB = 1 << 20
CSV_UNITS = {
    "blank-lines": b"\n",
    "blank-returns": b"\r",
    "one-letter": b"a",
    "quotes": b'"',
    "commas": b",",
    "nul": b"\x00",
    "spaces": b" ",
    "invalid-utf8": b"\xff",
    "open-quotes": b'"a\n',
    "reopened-quotes": b'a",",c\n',
    "triple-quotes": b'"""\n',
    "rows": b"1,a\n",
    "short-rows": b"a\n",
    "accents": "\u00e9\n".encode(),
}
JSON_UNITS = {
    "blank-lines": b"\n",
    "open-lists": b"[",
    "open-objects": b'{"a":',
    "objects": b'{"text":"a"}\n',
    "empty-objects": b"{}\n",
    "numbers": b"1",
    "nul": b"\x00",
    "quotes": b'"',
    "escapes": b"\\u0041",
}


def files() -> Iterator[tuple[str, Write]]:
    for name, unit in CSV_UNITS.items():
        yield f"gzip-{name}.csv.gz", bomb(b"id,text\n1,a\n", unit)
    for name, unit in JSON_UNITS.items():
        yield f"gzip-{name}.jsonl.gz", bomb(b'{"text":"a"}\n', unit)
    yield "gzip-unclosed-quote.csv.gz", bomb(b'id,text\n1,"a\n', b"some words,and more\n", 1000)
    yield "gzip-empty-rows.csv.gz", bomb(b"id,text\n1,a\n", b"\n", 210)
    yield "gzip-empty-members.csv.gz", content(lambda: gzip.compress(b"", mtime=0) * 100_000)
    yield "gzip-in-gzip.csv.gz", content(lambda: gzip.compress(gzip.compress(b"id,text\n1,a\n")))
    yield "gzip-of-parquet.parquet.gz", bomb(b"PAR1", b"\x00")
    yield (
        "gzip-trailing-noise.csv.gz",
        content(lambda: gzip.compress(b"id,text\n1,a\n") + b"noise" * 999),
    )
    packed = gzip.compress(b"id,text\n" + b"1,some words\n" * 5000, mtime=0)
    for cut in (1, 5, 10, 11, 40, len(packed) - 8, len(packed) - 1):
        yield f"gzip-cut-at-{cut}.csv.gz", filled(packed[:cut], b"", 0)
    for at in (3, 12, 30, len(packed) - 6):
        damaged = packed[:at] + bytes([packed[at] ^ 0xFF]) + packed[at + 1 :]
        yield f"gzip-damaged-at-{at}.csv.gz", filled(damaged, b"", 0)


def bomb(start: bytes, unit: bytes, mebibytes: int = 300) -> Write:
    """Return the function that writes a file of the start and so many mebibytes of one unit."""

    def write(file: Path) -> None:
        member = gzip.compress(unit * (_MIB // len(unit)), mtime=0)
        with file.open("wb") as opened:
            opened.write(gzip.compress(start, mtime=0))
            for _ in range(mebibytes):
                opened.write(member)

    return write

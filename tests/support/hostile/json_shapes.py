"""JSON Lines of absurd shapes: deep, wide, endless."""

from collections.abc import Iterator

from tests.support.hostile.content import Write, content, filled
from tests.support.hostile.gzip_bombs import JSON_UNITS

_FIRST = b'{"id":1,"text":"a"}\n'
# Each object is a row, which takes its time; a million of them is large and not hostile.
_TIMES = {name: (12 << 20) // len(unit) for name, unit in JSON_UNITS.items()} | {
    "objects": 1_000_000,
    "empty-objects": 1_000_000,
}


def files() -> Iterator[tuple[str, Write]]:
    for name, unit in JSON_UNITS.items():
        yield f"plain-{name}.jsonl", filled(_FIRST, unit, _TIMES[name])
    for depth in (65, 500, 990, 5_000, 1_000_000):
        yield f"deep-lists-{depth}.jsonl", _deep(b"[", b"", b"]", depth)
        yield f"deep-objects-{depth}.jsonl", _deep(b'{"a":', b"1", b"}", depth)
    yield (
        "deep-in-every-line.jsonl",
        content(lambda: _FIRST + (b'{"text":"a","x":' + b"[" * 60 + b"]" * 60 + b"}\n") * 50_000),
    )
    yield (
        "keys-many.jsonl",
        content(
            lambda: (
                b'{"text":"a"'
                + b"".join(b',"k%d":1' % number for number in range(200_000))
                + b"}\n"
            )
        ),
    )
    yield (
        "keys-new-in-every-line.jsonl",
        content(lambda: b"".join(b'{"text":"a","k%d":1}\n' % number for number in range(200_000))),
    )
    yield "key-repeated.jsonl", content(lambda: b'{"text":"a"' + b',"text":"b"' * 500_000 + b"}\n")
    yield "key-long.jsonl", content(lambda: b'{"text":"a","' + b"k" * 6_000_000 + b'":1}\n')
    yield (
        "list-long.jsonl",
        content(lambda: _FIRST + b'{"text":"a","x":[' + b"1," * 3_000_000 + b"1]}\n"),
    )
    yield (
        "list-of-lists.jsonl",
        content(lambda: _FIRST + b'{"text":"a","x":[' + b"[]," * 2_000_000 + b"[]]}\n"),
    )
    yield (
        "list-of-objects.jsonl",
        content(lambda: _FIRST + b'{"text":"a","x":[' + b"{}," * 2_000_000 + b"{}]}\n"),
    )
    yield (
        "number-of-many-digits.jsonl",
        content(lambda: _FIRST + b'{"text":' + b"9" * 5_000_000 + b"}\n"),
    )
    yield (
        "numbers-of-4000-digits.jsonl",
        content(lambda: _FIRST + (b'{"text":"a","x":' + b"9" * 4_000 + b"}\n") * 2_000),
    )
    yield (
        "number-exponent.jsonl",
        content(lambda: _FIRST + b'{"text":"a","x":1e999999999}\n' * 100_000),
    )
    yield "text-long.jsonl", content(lambda: _FIRST + b'{"text":"' + b"a" * 9_000_000 + b'"}\n')
    yield (
        "text-of-escapes.jsonl",
        content(lambda: _FIRST + b'{"text":"' + b"\\u0000" * 1_000_000 + b'"}\n'),
    )
    yield "halves-of-surrogates.jsonl", content(lambda: b'{"text":"\\ud800"}\n' * 200_000)
    yield "lists-only.jsonl", content(lambda: b"[1]\n" * 1_000_000)
    yield "invalid-utf8.jsonl", content(lambda: _FIRST + b'{"text":"\xff"}\n' * 300_000)
    yield "array-of-objects.json", content(lambda: b"[" + b'{"text":"a"},' * 500_000 + b"{}]")


def _deep(opening: bytes, inner: bytes, closing: bytes, depth: int) -> Write:
    start = _FIRST + b'{"text":"a","x":'
    return content(lambda: start + opening * depth + inner + closing * depth + b"}\n")

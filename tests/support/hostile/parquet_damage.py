"""Parquet files with damaged bytes, and with sizes that are not true."""

import io
import random
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.hostile.content import Write, filled

_LARGE = (b"\xff\xff\xff\xff\x0f", b"\xfe\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x08")  # varints


def files() -> Iterator[tuple[str, Write]]:
    noise = random.Random(2026)  # noqa: S311 - no secret
    for name, data in _good_files().items():
        footer = int.from_bytes(data[-8:-4], "little") + 8
        for number in range(6):
            at = noise.randrange(len(data) - footer, len(data) - 8)
            yield f"footer-{name}-{number}.parquet", filled(_overwrite(data, at, noise), b"", 0)
        for number in range(4):
            at = noise.randrange(4, len(data) - footer)
            yield f"pages-{name}-{number}.parquet", filled(_overwrite(data, at, noise), b"", 0)
        yield f"cut-{name}.parquet", filled(data[: len(data) // 2], b"", 0)
        yield f"cut-footer-{name}.parquet", filled(data[: len(data) - footer // 2], b"", 0)
    for length in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        yield (
            f"footer-length-{length}.parquet",
            filled(b"PAR1" + bytes(100) + length.to_bytes(4, "little") + b"PAR1", b"", 0),
        )


def _overwrite(data: bytes, at: int, noise: random.Random) -> bytes:
    new = noise.choice((*_LARGE, noise.randbytes(1), noise.randbytes(4), bytes(8)))
    return data[:at] + new + data[at + len(new) :]


def _good_files() -> dict[str, bytes]:
    plain = pa.table({"id": list(range(500)), "text": [f"text {n}" for n in range(500)]})
    nested = pa.table({"text": ["a", None, "c"] * 50, "x": [[1, 2], None, []] * 50})
    return {
        "plain": _encode(plain, use_dictionary=False, compression="none"),
        "dictionary": _encode(plain, row_group_size=100, compression="snappy"),
        "nested": _encode(nested, compression="zstd", data_page_version="2.0"),
    }


def _encode(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()

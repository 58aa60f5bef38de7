"""Arrow tables to and from Parquet bytes, the same bytes for the same table."""

import re

import pyarrow as pa
import pyarrow.parquet as pq

_SURROGATE = re.compile("[\ud800-\udfff]")


def encode_parquet(table: pa.Table) -> bytes:
    """Encode a table as Parquet with one row group and zstd.

    Dictionaries only help repeated strings; probabilities never repeat.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="zstd", use_dictionary=False, row_group_size=max(1, table.num_rows)
    )
    return bytes(sink.getvalue())


def decode_parquet(data: bytes, columns: list[str] | None = None) -> pa.Table:
    """Decode a table, or only some of its columns.

    `pq.read_table` would take three times as long over a small one. Arrow's threads are off: a
    chunk is too small for them, and a process that ends just after they have worked may abort
    (apache/arrow#34314).
    """
    return pq.ParquetFile(pa.BufferReader(data)).read(columns, use_threads=False)


def storable_text(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by the replacement character.

    >>> storable_text("broken \\ud83d emoji")
    'broken \ufffd emoji'
    """
    return _SURROGATE.sub("\ufffd", text)

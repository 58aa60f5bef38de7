"""Writer of Parquet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.formats.output_format import WriteRows


@contextmanager
def parquet_writer(path: Path, schema: pa.Schema) -> Iterator[WriteRows]:
    """Write flat columns, lists of labels among them."""
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield writer.write_table

"""The rejects of one upload, written to a temporary file so that they need no memory."""

import tempfile
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from intake.readers.block import Reject
from storage.records.feedback import RAW_CHARS, REJECTS
from storage.tables import storable_text

_GROUP_ROWS = 8192
_GROUP_CHARS = 8 << 20


class RejectFile:
    """A rejects.parquet while it is written; the same rejects give the same bytes."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="chorus-")  # noqa: SIM115 - closed by close()
        self._writer = pq.ParquetWriter(
            self._file, REJECTS, compression="zstd", use_dictionary=["reason", "detail"]
        )
        self._buffered: list[Reject] = []
        self._buffered_chars = 0

    def add(self, rejects: Sequence[Reject]) -> None:
        """Append rejects; their rows follow those added before."""
        for reject in rejects:
            self._buffered.append(reject)
            self._buffered_chars += min(len(reject.raw), RAW_CHARS)
            if len(self._buffered) == _GROUP_ROWS or self._buffered_chars >= _GROUP_CHARS:
                self._flush()

    def encode(self) -> bytes:
        """Finish the file and return its bytes."""
        self._flush()
        self._writer.close()
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Delete the temporary file."""
        self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        ids = [None if reject.id is None else storable_text(reject.id) for reject in self._buffered]
        raw_records = [storable_text(reject.raw[:RAW_CHARS]) for reject in self._buffered]
        columns = [
            pa.array([reject.row for reject in self._buffered], pa.int64()),
            pa.array(ids, pa.string()),
            pa.array([reject.reason.value for reject in self._buffered], pa.string()),
            pa.array([reject.detail for reject in self._buffered], pa.string()),
            pa.array(raw_records, pa.string()),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=REJECTS))
        self._buffered, self._buffered_chars = [], 0

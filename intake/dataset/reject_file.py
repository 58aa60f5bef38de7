"""The rejects of one upload, kept in a temporary file while they come, so that they need no memory."""

import re
import tempfile
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from intake.readers.block import Reject
from storage.records.feedback import RAW_CHARS, REJECTS

_SURROGATE = re.compile("[\ud800-\udfff]")
_GROUP_ROWS = 8192
_GROUP_CHARS = 8 << 20


class RejectFile:
    """rejects.parquet in the making; the same rejects give the same bytes."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="chorus-")  # noqa: SIM115 - closed by close()
        self._writer = pq.ParquetWriter(
            self._file, REJECTS, compression="zstd", use_dictionary=["reason", "detail"]
        )
        self._buffered: list[Reject] = []
        self._chars = 0

    def add(self, rejects: Sequence[Reject]) -> None:
        """Rejects by row, after those added before."""
        for reject in rejects:
            self._buffered.append(reject)
            self._chars += min(len(reject.raw), RAW_CHARS)
            if len(self._buffered) == _GROUP_ROWS or self._chars >= _GROUP_CHARS:
                self._flush()

    def encode(self) -> bytes:
        """The whole file."""
        self._flush()
        self._writer.close()
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        columns = [
            pa.array([reject.row for reject in self._buffered], pa.int64()),
            pa.array(
                [None if reject.id is None else _storable(reject.id) for reject in self._buffered],
                pa.string(),
            ),
            pa.array([reject.reason.value for reject in self._buffered], pa.string()),
            pa.array([reject.detail for reject in self._buffered], pa.string()),
            pa.array([_storable(reject.raw[:RAW_CHARS]) for reject in self._buffered], pa.string()),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=REJECTS))
        self._buffered, self._chars = [], 0


def _storable(text: str) -> str:
    """With a replacement character in place of each lone surrogate, which no file of text can hold."""
    return _SURROGATE.sub("\ufffd", text)

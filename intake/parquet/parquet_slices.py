"""Parquet in slices of bounded size: limits are checked on its metadata, before it is decoded.

One value of a dictionary may stand for every row of a column, so that a few bytes decode to
gigabytes. The dictionaries of a row group say how large its values can become.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from intake.detect.intake_limits import IntakeLimits, check_limit, check_unpacked

_SLICE_BYTES = 8 << 20  # of decoded values
_SLICE_ROWS = 4096


@dataclass(frozen=True)
class ParquetSlices:
    """The record batches of a file. `name`: the upload; pyarrow's errors are the caller's."""

    name: str
    file: Path
    limits: IntakeLimits

    def open(self) -> pq.ParquetFile:
        """Open the file and check its metadata. Raises LimitExceeded."""
        # Buffered, so that a file of one huge row group is not read in one piece.
        opened = pq.ParquetFile(self.file, pre_buffer=False, buffer_size=1 << 20)
        metadata = opened.metadata
        check_limit(self.name, self.limits, "columns", metadata.num_columns, "columns")
        check_limit(self.name, self.limits, "rows", metadata.num_rows, "rows")
        for field in opened.schema_arrow:
            levels = _nesting(field.type, self.limits.nesting)
            check_limit(self.name, self.limits, "nesting", levels, "levels of types in a column")
        return opened

    def batches(self, opened: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        """Yield the batches, each as many rows as decode to a few megabytes at the most.

        Raises LimitExceeded if all of them decode to too much for the size of the file.
        """
        packed, unpacked = self.file.stat().st_size, 0
        with self._open_with_dictionaries(opened) as peeked:
            for group in range(opened.metadata.num_row_groups):
                rows = self._rows_of_slice(opened, peeked, group)
                for batch in opened.iter_batches(
                    batch_size=rows, row_groups=[group], use_threads=False
                ):
                    unpacked += sum(map(_decoded_bytes, batch.columns))
                    check_unpacked(self.name, self.limits, unpacked, packed)
                    yield batch

    def _open_with_dictionaries(self, opened: pq.ParquetFile) -> pq.ParquetFile:
        """Open the file once more, so that strings are read with their dictionaries."""
        columns = [opened.schema.column(position) for position in range(len(opened.schema))]
        strings = [column.path for column in columns if _holds_strings(column)]
        return pq.ParquetFile(
            self.file, pre_buffer=False, buffer_size=1 << 20, read_dictionary=strings
        )

    def _rows_of_slice(self, opened: pq.ParquetFile, peeked: pq.ParquetFile, group: int) -> int:
        metadata = opened.metadata.row_group(group)
        # pyarrow would end the process when it is asked for a column that is not there.
        if metadata.num_columns != len(opened.schema):
            raise pa.ArrowInvalid("a row group has other columns than the schema")
        rows = max(1, metadata.num_rows)
        bytes_of_row = metadata.total_byte_size // rows + 16 * metadata.num_columns
        encoded: dict[str, float] = {}  # leaf column with a dictionary → its values in a row
        for position in range(metadata.num_columns):
            column = metadata.column(position)
            if not column.has_dictionary_page:
                continue
            column_schema = opened.schema.column(position)
            if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
                bytes_of_row += column_schema.length * column.num_values // rows
            elif _holds_strings(column_schema):
                encoded[column.path_in_schema] = max(1, column.num_values / rows)
        values = sum(encoded.values()) * rows
        if values * metadata.total_byte_size > _SLICE_BYTES:  # each may be as large as all bytes
            bytes_of_row += self._largest_values(peeked, group, encoded)
        return int(max(1, min(_SLICE_ROWS, _SLICE_BYTES // max(1, bytes_of_row))))

    def _largest_values(self, peeked: pq.ParquetFile, group: int, encoded: dict[str, float]) -> int:
        """Return the most bytes that the values from dictionaries take in one row, about."""
        batches = peeked.iter_batches(
            batch_size=1, row_groups=[group], columns=list(encoded), use_threads=False
        )
        batch = next(batches, None)
        dictionaries = [] if batch is None else [*_dictionaries(batch.columns)]
        for dictionary in dictionaries:
            check_limit(
                self.name,
                self.limits,
                "dictionary",
                len(dictionary),
                "different values in the dictionary of a column",
            )
        largest = (pc.max(pc.binary_length(dictionary)).as_py() or 0 for dictionary in dictionaries)
        return int(sum(largest) * max(encoded.values()))


def _holds_strings(column: pq.ColumnSchema) -> bool:
    """Return True for strings and bytes of any length, and not for numbers in this form."""
    return bool(column.physical_type == "BYTE_ARRAY" and column.logical_type.type != "DECIMAL")


def _decoded_bytes(column: pa.Array) -> int:
    """Return the bytes of the values, each counted as often as it stands in the column."""
    if pt.is_dictionary(column.type) and any(True for _ in _dictionaries([column])):
        lengths = pc.binary_length(column.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(column.indices)).as_py() or 0)
    return int(column.nbytes)


def _nesting(kind: pa.DataType, most: int) -> int:
    """Return how many types are nested in each other, `most` + 1 if they are more than `most`."""
    levels, inner = 0, [kind]
    while levels <= most:
        inner = [
            child.field(number).type
            for child in inner
            if pt.is_nested(child)
            for number in range(child.num_fields)
        ]
        if not inner:
            return levels
        levels += 1
    return levels


def _dictionaries(arrays: list[pa.Array]) -> Iterator[pa.Array]:
    for array in arrays:
        if pt.is_dictionary(array.type):
            values = array.dictionary
            if pt.is_string(values.type) or pt.is_binary(values.type):
                yield values
        elif pt.is_struct(array.type):
            yield from _dictionaries(array.flatten())
        elif pt.is_map(array.type):
            yield from _dictionaries([array.keys, array.items])
        elif pt.is_list(array.type) or pt.is_large_list(array.type):
            yield from _dictionaries([array.values])

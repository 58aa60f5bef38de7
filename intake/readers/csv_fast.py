"""Regular CSV lines, read by Arrow: a fifth of the time, and other threads may work meanwhile.

Anything that Arrow would read in another way than `csv_records` is left to that module: where both
read, they read the same.
"""

import codecs

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as arrow_csv

_MAX_COLUMNS = 10_000  # Arrow takes seconds and much memory for more of them
_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'
_Bytes = npt.NDArray[np.uint8]
_Positions = npt.NDArray[np.int64]


def parse_regular_csv(data: bytes, delimiter: str, end: str) -> list[pa.StringArray] | None:
    """Return the fields of all records, column by column, [records] strings each.

    `data` is whole lines, in UTF-8. Returns None where `csv_records` has to read it: for quotes in
    odd places, stray carriage returns, an open record at the end, blank lines, records of unequal
    width, thousands of columns, and characters that were undecodable.
    """
    values = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(values == _QUOTE)
    # Arrow would skip a byte order mark.
    if end != "\n" or not data.endswith(b"\n") or data.startswith(codecs.BOM_UTF8):
        return None
    if not _quotes_are_regular(values, quotes, ord(delimiter)):
        return None
    if not _lines_are_regular(values, quotes):
        return None
    max_columns = data.count(delimiter.encode(), 0, data.find(b"\n")) + 1
    if max_columns > _MAX_COLUMNS:
        return None
    column_types = {f"f{number}": pa.string() for number in range(max_columns)}
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(data) + 1, autogenerate_column_names=True
            ),
            arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False
            ),
            arrow_csv.ConvertOptions(column_types=column_types),
        )
    except pa.ArrowInvalid:
        return None
    # The first record continues on the second line: Arrow guessed the types of further columns.
    if table.num_columns > max_columns:
        return None
    return [column.combine_chunks() for column in table.columns]


def _quotes_are_regular(values: _Bytes, quotes: _Positions, delimiter: int) -> bool:
    """Return True if every field with quotes starts and ends with one and doubles those inside."""
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening == 0, np.uint8(_LINE_FEED), values[opening - 1])
    after = values[closing + 1]  # never out of range: the last line ends with its line end
    starts_field = (before == delimiter) | (before == _LINE_FEED)
    ends_field = (after == delimiter) | (after == _LINE_FEED) | (after == _RETURN)
    doubled = closing[:-1] + 1 == opening[1:]  # both of them stand within a field
    starts_field[1:] |= doubled
    ends_field[:-1] |= doubled
    return bool(starts_field.all() and ends_field.all())


def _lines_are_regular(values: _Bytes, quotes: _Positions) -> bool:
    """Return True if no line is blank and every carriage return stands before a line feed.

    Inside quotes both are allowed.
    """
    starts = np.concatenate([[0], np.flatnonzero(values == _LINE_FEED)[:-1] + 1])
    blank = starts[(values[starts] == _LINE_FEED) | (values[starts] == _RETURN)]
    returns = np.flatnonzero(values == _RETURN)
    stray = returns[values[returns + 1] != _LINE_FEED]
    irregular = np.concatenate([blank, stray])
    return bool((quotes.searchsorted(irregular) % 2 == 1).all())

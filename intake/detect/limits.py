"""Limits on what an upload may be, so that a hostile or damaged file costs one upload."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IntakeLimits:
    """The most that one upload may hold or need. Each is a setting, `SETTING_OF`.

    Beyond a limit on a line or a field, its row is rejected; beyond any other, the file is refused.
    """

    file_bytes: int = 20 * 10**9  # as it comes, compressed or not
    unpacked_bytes: int = 100 * 10**9  # after decompression; of Parquet, of its decoded values
    ratio: int = 200  # of unpacked bytes to bytes of the file, from RATIO_FLOOR on
    rows: int = 200_000_000  # blank lines included
    columns: int = 10_000  # dataset.json lists all of them
    line_chars: int = 8 << 20
    field_chars: int = 1_000_000
    dictionary_values: int = 1_000_000  # of one column of Parquet
    nesting: int = 64  # of JSON, and of the types of a Parquet column
    memory: int = 256 * 10**6  # bytes that reading may allocate
    seconds: int = 5  # of computing until the next rows are read


RATIO_FLOOR = 32 << 20  # unpacked bytes that any file may have

SETTING_OF = {
    "file_bytes": "CHORUS_INTAKE_FILE_MB",
    "unpacked_bytes": "CHORUS_INTAKE_UNPACKED_MB",
    "ratio": "CHORUS_INTAKE_RATIO",
    "rows": "CHORUS_INTAKE_ROWS",
    "columns": "CHORUS_INTAKE_COLUMNS",
    "line_chars": "CHORUS_INTAKE_LINE_CHARS",
    "field_chars": "CHORUS_INTAKE_FIELD_CHARS",
    "dictionary_values": "CHORUS_INTAKE_DICTIONARY",
    "nesting": "CHORUS_INTAKE_NESTING",
    "memory": "CHORUS_INTAKE_MEMORY_MB",
    "seconds": "CHORUS_INTAKE_SECONDS",
}

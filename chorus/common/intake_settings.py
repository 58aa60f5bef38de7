"""The settings of intake: the limits on an uploaded file, with the defaults of IntakeLimits."""

from collections.abc import Iterator
from dataclasses import asdict

from chorus.common.setting import Setting
from chorus.common.setting_types import COUNT, MEGABYTES
from intake.detect.intake_limits import IntakeLimits

_HELP = {
    "file": "largest uploaded file in megabytes, compressed or not",
    "unpacked": "largest uploaded file in megabytes, decompressed",
    "ratio": "most decompressed bytes for a byte of an uploaded file, from 32 MB on",
    "rows": "most rows of an uploaded file",
    "columns": "most columns or keys of an uploaded file",
    "line": "longest line of an uploaded file in characters; longer ones are rejected",
    "field": "longest field of an uploaded file in characters; rows with longer ones are rejected",
    "dictionary": "most values in the dictionary of a column of an uploaded Parquet file",
    "nesting": "deepest nesting of JSON and of Parquet types in an uploaded file",
    "memory": "megabytes that the process that reads an uploaded file may allocate",
    "seconds": "seconds that this process may compute until it has read another part",
}


def _settings() -> Iterator[Setting]:
    for limit, default in asdict(IntakeLimits()).items():
        kind = MEGABYTES if limit in ("file", "unpacked", "memory") else COUNT
        text = str(kind.format(default))
        yield Setting(f"CHORUS_INTAKE_{limit.upper()}", kind, text, _HELP[limit])


INTAKE_SETTINGS = tuple(_settings())

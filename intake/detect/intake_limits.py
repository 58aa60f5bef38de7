"""Limits on what an upload may be, so that a hostile or damaged file costs one upload."""

from dataclasses import dataclass

from intake.errors import UnreadableUpload


@dataclass(frozen=True)
class IntakeLimits:
    """The most that one upload may hold or need; the setting of `rows` is CHORUS_INTAKE_ROWS.

    Beyond a limit on a line or a field, its row is rejected; beyond any other, the file is refused.
    """

    file: int = 20 * 10**9  # bytes as it comes, compressed or not
    unpacked: int = 100 * 10**9  # bytes after decompression; of Parquet, of its decoded texts
    ratio: int = 200  # of unpacked bytes to bytes of the file, from RATIO_FLOOR on
    rows: int = 200_000_000
    columns: int = 10_000  # dataset.json lists all of them
    line: int = 8_000_000  # characters
    field: int = 1_000_000  # characters
    dictionary: int = 1_000_000  # values in the dictionary of a column of Parquet
    nesting: int = 64  # levels of JSON, and of the types of a Parquet column
    memory: int = 256 * 10**6  # bytes that reading may allocate
    seconds: int = 5  # of computing until the next part of the file is read


RATIO_FLOOR = 32 << 20  # unpacked bytes that any file may have, whatever its size
_MB = 10**6
_UNITS = {
    "file": (_MB, " MB"),
    "unpacked": (_MB, " MB"),
    "ratio": (1, " times as many"),
    "line": (1, " characters"),
    "field": (1, " characters"),
    "nesting": (1, " levels"),
    "memory": (_MB, " MB"),
    "seconds": (1, " s of computing"),
}


class LimitExceeded(UnreadableUpload):
    """An upload that is beyond one of the limits. `limit`: a field of IntakeLimits."""

    def __init__(self, name: str, limits: IntakeLimits, limit: str, seen: str) -> None:
        """Say what was seen, what is allowed, and which setting allows more."""
        self.limit, self.allowed = limit, getattr(limits, limit)
        size, unit = _UNITS.get(limit, (1, ""))
        super().__init__(
            name,
            f"{seen}; at most {self.allowed // size:,}{unit} are allowed",
            f"If the file is as it should be, raise CHORUS_INTAKE_{limit.upper()}.",
        )


def check_limit(name: str, limits: IntakeLimits, limit: str, value: int, what: str) -> None:
    """Raise LimitExceeded if the value, a number of `what`, is beyond the limit."""
    if value > getattr(limits, limit):
        raise LimitExceeded(name, limits, limit, f"it has {value:,} {what}")


def check_file_size(name: str, limits: IntakeLimits, size: int) -> None:
    """Raise LimitExceeded if a file of so many bytes is too large."""
    if size > limits.file:
        raise LimitExceeded(name, limits, "file", f"it has {size // _MB:,} MB or more")


def check_unpacked(name: str, limits: IntakeLimits, unpacked: int, packed: int) -> None:
    """Raise LimitExceeded if so many bytes of a file have become too many unpacked ones."""
    seen = f"{packed:,} bytes of it unpack to {unpacked // _MB:,} MB or more"
    if unpacked > limits.unpacked:
        raise LimitExceeded(name, limits, "unpacked", seen)
    if unpacked > max(RATIO_FLOOR, limits.ratio * packed):
        raise LimitExceeded(name, limits, "ratio", seen)

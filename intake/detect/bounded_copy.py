"""A copy of an upload that may not become too large."""

from intake.detect.intake_limits import IntakeLimits, check_file_size
from storage.places.place import BinaryWriter


class BoundedCopy:
    """A file that a stream or an object of a bucket is copied to."""

    def __init__(self, file: BinaryWriter, name: str, limits: IntakeLimits) -> None:
        """Write to `file`; `name` is that of the upload, for the error."""
        self._file, self._name, self._limits, self._size = file, name, limits, 0

    def write(self, data: bytes, /) -> None:
        """Append bytes. Raises LimitExceeded before the copy is larger than a file may be."""
        self._size += len(data)
        check_file_size(self._name, self._limits, self._size)
        self._file.write(data)

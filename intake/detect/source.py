"""The bytes of an upload: opened, copied to a temporary file where they can be read only once,
decompressed, and read any number of times.
"""

import gzip
import shutil
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from intake.detect.bounded_copy import BoundedCopy
from intake.detect.intake_limits import IntakeLimits, check_file_size, check_unpacked
from intake.errors import UnreadableUpload
from storage.places.open_place import open_place
from storage.places.place import Absent, Changed, LocalPlace
from storage.places.retry import StorageRefused

_BLOCK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_DEFAULT_LIMITS = IntakeLimits()
_GIVE_ONE_FILE = (
    "Give one file: csv, tsv, jsonl, parquet, xlsx, ods or xls, also with .gz or in a .zip."
)


class UploadFile:
    """The file of one upload.

    `name` is what people call it, `base_name` its name without `.gz`, in lower case.
    """

    def __init__(
        self,
        name: str,
        file: Path,
        limits: IntakeLimits = _DEFAULT_LIMITS,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Open the file; `on_read` is called with the bytes of it that were read, at every block.

        Raises UnreadableUpload, also for a file that is too large.
        """
        self.name, self.file, self.limits = name, file, limits
        self.base_name = name.lower().removesuffix(".gz")
        self.on_read = on_read
        self._state_at_start = self._file_state()
        check_file_size(name, limits, self.size)
        with self._open() as raw:
            self.compressed = raw.read(2) == _GZIP_MAGIC

    @property
    def size(self) -> int:
        """Bytes of the file, which may be compressed."""
        return self._state_at_start[1]

    def blocks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes, a mebibyte at a time.

        Raises UnreadableUpload for a damaged gzip file, and for one that unpacks to too much.
        """
        unpacked = 0
        with self._open() as raw:
            plain = gzip.GzipFile(fileobj=raw) if self.compressed else raw
            try:
                while block := plain.read(_BLOCK_BYTES):
                    unpacked += len(block)
                    check_unpacked(self.name, self.limits, unpacked, raw.tell())
                    self.on_read(raw.tell())
                    yield block
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                problem = f"its gzip compression is damaged or cut short ({error})"
                raise UnreadableUpload(self.name, problem, "Compress or copy it again.") from None
            except OSError as error:
                raise _unreadable(self.name, error) from None

    @contextmanager
    def open_seekable(self) -> Iterator[Path]:
        """Yield a local file with the decompressed bytes."""
        if not self.compressed:
            yield self.file
            return
        with tempfile.NamedTemporaryFile(prefix="chorus-") as plain:
            for block in self.blocks():
                plain.write(block)
            plain.flush()
            yield Path(plain.name)

    def check_unchanged(self) -> None:
        """Raise UnreadableUpload if the file was written to since it was opened."""
        if self._file_state() != self._state_at_start:
            raise UnreadableUpload(
                self.name, "it changed while it was read", "Run again when it is complete."
            )

    def _open(self) -> BinaryIO:
        try:
            return self.file.open("rb")
        except OSError as error:
            raise _unreadable(self.name, error) from None

    def _file_state(self) -> tuple[int, int, int]:
        try:
            state = self.file.stat()
        except OSError as error:
            raise _unreadable(self.name, error) from None
        return state.st_ino, state.st_size, state.st_mtime_ns


@contextmanager
def open_source(
    path: str, stdin: BinaryIO, limits: IntakeLimits = _DEFAULT_LIMITS
) -> Iterator[UploadFile]:
    """Yield the upload at a local path or a URL; "-" is standard input.

    Raises UnreadableUpload, UnknownScheme.
    """
    if path == "-":
        with _copy_stream("standard input", stdin, limits) as source:
            yield source
        return
    if "://" in path and not path.startswith("file://"):
        with _download(path, limits) as source:
            yield source
        return
    path = path.removeprefix("file://")
    file = Path(path).expanduser()
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        raise UnreadableUpload(path, "it is a folder", _GIVE_ONE_FILE)
    if stat.S_ISREG(mode):
        yield UploadFile(file.name, file, limits)
        return
    try:
        stream = file.open("rb")  # a pipe or a device: it can be read only once
    except OSError as error:
        raise _unreadable(path, error) from None
    with stream, _copy_stream(file.name, stream, limits) as source:
        yield source


@contextmanager
def _download(url: str, limits: IntakeLimits) -> Iterator[UploadFile]:
    """Yield a copy on the local disk: an upload is read twice, and may be larger than memory."""
    folder, _, name = url.rpartition("/")
    if not name or folder.endswith((":", "/")):
        raise UnreadableUpload(url, "it is a bucket or a folder", _GIVE_ONE_FILE)
    place = open_place(folder)
    if isinstance(place, LocalPlace):
        raise UnreadableUpload(url, "it is a local file in the form of a URL", "Give its path.")
    with tempfile.NamedTemporaryFile(prefix="chorus-") as copy:
        try:
            place.copy_to(name, BoundedCopy(copy, name, limits))
        except Absent:
            raise UnreadableUpload(url, "there is no such file", "Check bucket and path.") from None
        except Changed:
            raise UnreadableUpload(
                url,
                "it changed while it was read, or is stored under a Content-Encoding",
                "Run again when it is complete, or store it as a plain file.",
            ) from None
        except StorageRefused as error:
            raise UnreadableUpload(
                url, f"storage refused it, {error.reason}", error.advice
            ) from None
        copy.flush()
        yield UploadFile(name, Path(copy.name), limits)


@contextmanager
def _copy_stream(name: str, stream: BinaryIO, limits: IntakeLimits) -> Iterator[UploadFile]:
    with tempfile.NamedTemporaryFile(prefix="chorus-") as copy:
        shutil.copyfileobj(stream, BoundedCopy(copy, name, limits), _BLOCK_BYTES)
        copy.flush()
        yield UploadFile(name, Path(copy.name), limits)


def _unreadable(name: str, error: OSError | ValueError) -> UnreadableUpload:
    if isinstance(error, FileNotFoundError):
        return UnreadableUpload(name, "there is no such file", "Check the path.")
    if isinstance(error, PermissionError):
        return UnreadableUpload(
            name, "its permissions do not allow it", "Make it readable for this user."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return UnreadableUpload(name, f"the system says: {reason}", "Check the path and the disk.")

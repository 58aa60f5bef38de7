"""The files in a zip archive, unpacked in full to see how large they are.

What an archive says about the sizes may be wrong, and another program may unpack more than it says.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from intake.archives.zip_file import damaged_zip
from intake.detect.intake_limits import IntakeLimits, check_unpacked

_BLOCK_BYTES = 1 << 18
_LOCAL_HEADER = 30  # bytes; the lengths of a name and of more fields, which follow, are its end
_RAW_DEFLATE = -15


def unpack_parts(
    name: str, file: Path, limits: IntakeLimits
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the name and the unpacked bytes of each file in the archive `name`.

    Raises LimitExceeded when all of them together unpack to too much; UnreadableUpload for a
    damaged archive, for files that overlap or whose size is not what the archive says.
    """
    with file.open("rb") as opened, zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        if sum(member.compress_size for member in members) > file.stat().st_size:
            raise damaged_zip(name, ValueError("its files overlap"))
        unpacked = packed = 0

        def unpack(member: zipfile.ZipInfo) -> Iterator[bytes]:
            nonlocal unpacked
            try:
                for block in _unpack(opened, member):
                    unpacked += len(block)
                    check_unpacked(name, limits, unpacked, packed)
                    yield block
            except (ValueError, zlib.error, EOFError) as error:
                raise damaged_zip(name, error) from None

        for member in members:
            packed += member.compress_size
            yield member.filename, unpack(member)


def _unpack(opened: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield all that one file unpacks to. Raises ValueError, zlib.error, EOFError."""
    opened.seek(member.header_offset)
    header = opened.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER:
        raise EOFError("it is cut short")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    opened.seek(lengths, 1)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("a file in it is packed in a way that cannot be read")
    unpacker = zlib.decompressobj(_RAW_DEFLATE) if member.compress_type else None
    size, checksum, left = 0, 0, member.compress_size
    while left:
        data = opened.read(min(left, _BLOCK_BYTES))
        if not data:
            raise EOFError("it is cut short")
        left -= len(data)
        while data:
            block = unpacker.decompress(data, _BLOCK_BYTES) if unpacker else data
            data = unpacker.unconsumed_tail if unpacker else b""
            size += len(block)
            checksum = zlib.crc32(block, checksum)
            if block:
                yield block
    if (size, checksum) != (member.file_size, member.CRC):
        raise ValueError("a file in it is not what it says, by its size or checksum")

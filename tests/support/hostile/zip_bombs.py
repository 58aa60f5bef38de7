"""Zip archives that unpack to gigabytes, say so falsely, overlap, or hold no single file."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.hostile.content import Write, content
from tests.support.workbooks import ODS_TYPE, archive, raw_xlsx

_MIB = 1 << 20
_CSV = "id,text\n1,a\n"


def files() -> Iterator[tuple[str, Write]]:
    for name, unit in {"zeros": "\0", "lines": "\n", "rows": "1,a\n"}.items():
        yield f"zip-of-{name}.zip", _bomb("in.csv", _CSV + unit * (300 * _MIB // len(unit)))
    yield "zip-of-objects.zip", _bomb("in.jsonl", '{"text":"a"}\n' * (20 * _MIB))
    for name, method in {"bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}.items():
        yield f"zip-of-zeros-in-{name}.zip", _bomb("in.csv", _CSV + "\0" * (200 * _MIB), method)
    yield "zip-of-spaces-as-type.ods", _bomb("mimetype", ODS_TYPE + " " * (300 * _MIB))
    yield "zip-of-many-files.zip", content(archive({str(number): b"" for number in range(60_000)}))
    yield "zip-of-long-name.zip", content(archive({"n" * 60_000 + ".csv": _CSV}))
    yield "zip-of-paths.zip", content(archive({"../../etc/in.csv": _CSV}))
    yield "zip-of-nothing.zip", content(archive({}))
    nested = archive({"in.csv": _CSV})
    for _ in range(50):
        nested = archive({"in.zip": nested})
    yield "zip-in-zip.zip", content(nested)
    yield (
        "zip-of-a-workbook-of-spaces.zip",
        lambda file: file.write_bytes(archive({"in.xlsx": raw_xlsx(" " * (100 * _MIB))})),
    )
    for parts in (2, 2_000):
        yield f"zip-overlapping-{parts}.xlsx", content(_overlapping(parts))
    yield "zip-false-size.xlsx", content(_with_false_size(raw_xlsx(" " * (30 * _MIB))))
    for cut in (4, 22, 60, len(nested) - 1):
        yield f"zip-cut-at-{cut}.zip", content(nested[:cut])


def _bomb(name: str, text: str, method: int = zipfile.ZIP_DEFLATED) -> Write:
    def write(file: Path) -> None:
        with zipfile.ZipFile(file, "w", method) as packed:
            packed.writestr(name, text)

    return write


def _overlapping(parts: int) -> bytes:
    """Return an archive whose directory names the same bytes many times, as sheets."""
    plain = bytes(20 * _MIB)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(plain) + packer.flush()
    sizes = (zlib.crc32(plain), len(packed), len(plain))
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, *sizes, 1, 0) + b"a" + packed
    directory = b""
    for number in range(parts):
        name = b"xl/worksheets/sheet%d.xml" % number
        fields = (b"PK\1\2", 20, 20, 0, 8, 0, 0, *sizes, len(name), 0, 0, 0, 0, 0, 0)
        directory += struct.pack("<4s6H3I5H2I", *fields) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, parts, parts, len(directory), len(local), 0)
    return local + directory + end


def _with_false_size(data: bytes) -> bytes:
    """Return an archive that says of its sheet that it unpacks to a hundred bytes."""
    at = data.index(b"xl/worksheets/sheet1.xml", data.index(b"PK\1\2")) - 46
    return data[: at + 24] + struct.pack("<I", 100) + data[at + 28 :]

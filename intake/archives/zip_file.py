"""Zip archives: their files, and what an archive is by the names of these."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from intake.errors import UnreadableUpload

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # the second: an archive without files
_ENCRYPTED = 0x1
_OF_MACOS = "__MACOSX/"  # a folder that macOS adds, of what it knows about the files
_MAX_READ_BYTES = 1 << 20  # of a part that says what an archive is
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_OF_EXCEL = ("xl/workbook", "xl/worksheets/")
_MANIFEST = "meta-inf/manifest.xml"
_ODS = _OPEN_DOCUMENT + "spreadsheet"
# The part of an archive by which it is recognised → what it is. Tried in this order.
_KIND_OF_PART = {
    "xl/workbook.bin": "an Excel binary workbook (.xlsb)",
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "meta-inf/manifest.mf": "a Java archive",
    "index/document.iwa": "a document of Numbers, Pages or Keynote",
}


def list_files(name: str, file: Path) -> list[zipfile.ZipInfo]:
    """Return the files in the archive `name`, without folders and what macOS adds.

    Raises UnreadableUpload for a damaged archive.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise damaged_zip(name, error) from None
    return [
        member
        for member in members
        if not member.is_dir()
        and not member.filename.startswith(_OF_MACOS)
        and not member.filename.endswith("/.DS_Store")
    ]


def describe_archive(file: Path, members: Sequence[zipfile.ZipInfo]) -> str | None:
    """Return xlsx or ods, or in words what kind of document it is; None for any other archive."""
    names = {member.filename.lower(): member for member in members}
    for part, kind in _KIND_OF_PART.items():
        if part in names:
            return kind
    if any(part.startswith(_OF_EXCEL) for part in names):
        return "xlsx"
    if "mimetype" not in names:
        return None
    mimetype = _read_part(file, names["mimetype"]).decode("ascii", "replace").strip()
    if mimetype.startswith(_ODS):
        manifest = names.get(_MANIFEST)
        encrypted = manifest is not None and b"encryption-data" in _read_part(file, manifest)
        return "a spreadsheet that is protected by a password" if encrypted else "ods"
    if mimetype.startswith(_OPEN_DOCUMENT):
        return f"an OpenDocument {mimetype.removeprefix(_OPEN_DOCUMENT)[:40]}, not a spreadsheet"
    return f"a document of type {mimetype[:60]}" if mimetype else None


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Return True for a file that only a password opens."""
    return bool(member.flag_bits & _ENCRYPTED)


def damaged_zip(name: str, error: Exception) -> UnreadableUpload:
    """Return the error of an archive that cannot be read."""
    reason = str(error)[:200] or type(error).__name__
    return UnreadableUpload(
        name, f"it is a damaged zip archive ({reason})", "Copy or export it again."
    )


def _read_part(file: Path, member: zipfile.ZipInfo) -> bytes:
    """Return the first bytes of a file in the archive; none where it is damaged."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(member) as opened:
            return opened.read(_MAX_READ_BYTES)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError, EOFError):
        return b""

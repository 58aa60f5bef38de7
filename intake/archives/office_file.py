"""Workbooks among the files that begin like a zip archive or like an old Office document."""

from collections.abc import Iterable

from intake.archives.zip_file import ZIP_MAGICS, describe_archive, list_files
from intake.detect.file_format import WORKBOOKS
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_AS_WORKBOOK = "Save it as an Excel workbook (.xlsx) or export it as CSV with the encoding UTF-8."
# The name of a stream by which a document is recognised → what it is. The first that is found
# counts: a document may have another one inside.
_KIND_OF_STREAM = {
    "EncryptedPackage": "a workbook or document that is protected by a password",
    "WordDocument": "a Word document, or has one in it",
    "PowerPoint Document": "a PowerPoint presentation, or has one in it",
    "__nameid_version1.0": "an Outlook message",
    "Workbook": "xls",
    "Book": "xls",
}


def workbook_format(source: UploadFile, head: bytes) -> str | None:
    """Return xlsx, ods or xls; None for an upload that is no zip and no Office document.

    Raises UnreadableUpload, saying what the upload is, for other documents and archives.
    """
    if head.startswith(_OLE_MAGIC):
        kind = describe_old_document(source.blocks())
    elif head.startswith(ZIP_MAGICS):
        with source.open_seekable() as file:
            members = list_files(source.name, file)
            kind = describe_archive(file, members) or "a zip archive inside another archive"
    else:
        return None
    if kind in WORKBOOKS:
        return kind
    advice = "Unpack it first." if "archive" in kind else _AS_WORKBOOK
    if "password" in kind:
        advice = "Save it without a password."
    raise UnreadableUpload(source.name, f"it is {kind}", advice)


def describe_old_document(blocks: Iterable[bytes]) -> str:
    """Return xls, or in words what an Office document of before 2007 is."""
    streams, tail = set(), b""
    names = {stream: stream.encode("utf-16-le") + b"\0\0" for stream in _KIND_OF_STREAM}
    for block in blocks:
        data = tail + block
        streams |= {stream for stream, encoded in names.items() if encoded in data}
        tail = data[-64:]
    return next(
        (kind for stream, kind in _KIND_OF_STREAM.items() if stream in streams),
        "an old Office document that is no workbook",
    )

"""The format of an upload: by request, by its first bytes, by its name, in this order."""

import codecs
import re
from collections.abc import Mapping

from intake.errors import UnreadableUpload

FORMATS = ("csv", "tsv", "jsonl", "parquet", "xlsx", "ods", "xls")
WORKBOOKS = {
    "xlsx": "an Excel workbook",
    "ods": "an OpenDocument spreadsheet",
    "xls": "an Excel workbook of the kind before 2007",
}
_FORMAT_OF_EXTENSION: Mapping[str, str] = {
    "csv": "csv", "tsv": "tsv", "tab": "tsv", "jsonl": "jsonl", "ndjson": "jsonl",
    "parquet": "parquet", "pq": "parquet",
}  # fmt: skip
_UNSUPPORTED = (  # first bytes, what they are, what to do
    (b"%PDF-", "a PDF document", "Export the data as CSV."),
    (b"\x89PNG\r\n", "a PNG image", "Give a file of text."),
    (b"\xff\xd8\xff", "a JPEG image", "Give a file of text."),
    (b"GIF8", "a GIF image", "Give a file of text."),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV."),
    (b"\x1f\x8b", "gzip inside gzip", "Unpack it once."),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "Unpack it first, or use gzip."),
    (b"BZh", "a bzip2 archive", "Unpack it first, or use gzip."),
    (b"\xfd7zXZ\x00", "an xz archive", "Unpack it first, or use gzip."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it first, or use gzip."),
    (b"ARROW1\x00\x00", "an Arrow file", "Save it as Parquet."),
    (b"FEA1", "a Feather file", "Save it as Parquet."),
    (b"ORC", "an ORC file", "Save it as Parquet."),
    (b"Obj\x01", "an Avro file", "Save it as Parquet."),
    (b"\x7fELF", "a program", "Give a file of text."),
)
_PARQUET_MAGIC = b"PAR1"
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Many systems export a web page, or XML of Excel 2003, under a name that ends with .xls.
_MARKUP = re.compile(rb"<(?:!doctype|html|head|meta|body|table|\?xml|workbook)\b", re.IGNORECASE)
_CONTROL_CHARACTERS = bytes({*range(32)} - set(b"\t\n\f\r\x1b"))


def choose_format(name: str, base_name: str, requested: str | None, head: bytes) -> str:
    """Return one of FORMATS for the upload `name`.

    `base_name` is its name without .gz, in lower case; `requested` is one of FORMATS, or None.
    Raises UnreadableUpload, saying what the upload looks like, if it has none of these formats.
    """
    if requested is not None and requested not in FORMATS:
        raise UnreadableUpload(
            name, f"there is no format {requested[:60]!r}", f"Formats: {', '.join(FORMATS)}."
        )
    if head.startswith(_PARQUET_MAGIC):
        if requested not in (None, "parquet"):
            raise UnreadableUpload(name, f"it is Parquet, not {requested}", "Leave --format out.")
        return "parquet"
    for magic, kind, advice in _UNSUPPORTED:
        if head.startswith(magic):
            raise UnreadableUpload(name, f"it looks like {kind}", advice)
    named_format = requested or _FORMAT_OF_EXTENSION.get(base_name.rpartition(".")[2])
    if requested in WORKBOOKS:
        raise UnreadableUpload(
            name, f"it is not {WORKBOOKS[requested]}", "Leave --format out, or name another."
        )
    if named_format == "parquet":
        raise UnreadableUpload(
            name,
            "it is no Parquet file: that begins with PAR1",
            "Save it again, or name its --format.",
        )
    return named_format or _format_of_content(name, head)


def refuse_binary(name: str, head: bytes) -> None:
    """Raise UnreadableUpload if many of the first bytes are control characters.

    A few are allowed: cleaning removes them.
    """
    control = len(head) - len(head.translate(None, _CONTROL_CHARACTERS))
    if control > 16 and control * 20 > len(head):
        problem = (
            f"it looks like binary data ({control} of its first {len(head)} bytes are control "
            "characters)"
        )
        advice = "Export it as CSV or JSON Lines with the encoding UTF-8."
        raise UnreadableUpload(name, problem, advice)


def _format_of_content(name: str, head: bytes) -> str:
    for bom in _BOMS:
        head = head.removeprefix(bom)
    content = head.lstrip(b" \t\r\n\x00")
    if _MARKUP.match(content):
        raise UnreadableUpload(
            name,
            "it is a web page or XML, whatever its name says",
            "Open it in a spreadsheet program, and save it as .xlsx or as CSV.",
        )
    first = content[:1]
    if first == b"[":
        raise UnreadableUpload(
            name, "it looks like one JSON array", "Write one JSON object a line (jq -c '.[]')."
        )
    return "jsonl" if first == b"{" else "csv"

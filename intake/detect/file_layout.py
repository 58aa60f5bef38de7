"""The layout of an upload: its format and, for text, its encoding, delimiter and line ends."""

from dataclasses import dataclass

from intake.detect.encoding import choose_encoding, marking_decoder
from intake.detect.file_format import WORKBOOKS, choose_format, refuse_binary, sniff_delimiter
from intake.detect.fingerprint import Fingerprint
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload

_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class FileLayout:
    """The format, encoding, delimiter and line end of a file: how its bytes become records.

    `notices`: one line for people about each choice that was guessed and not requested.
    """

    format: str
    encoding: str
    delimiter: str
    line_end: str
    notices: tuple[str, ...] = ()


def choose_layout(
    source: UploadFile,
    fingerprint: Fingerprint,
    format_: str | None,
    encoding: str | None,
    workbook: str | None = None,
) -> FileLayout:
    """Return the layout of the upload.

    `format_` and `encoding` are requests; where they are None, the fingerprint decides. `workbook`:
    the format of an upload that is one. Raises UnreadableUpload.
    """
    name, head = source.name, fingerprint.counts.head
    if not fingerprint.size:
        raise UnreadableUpload(name, "it is empty", "Check the export that made it.")
    if workbook is not None:
        if format_ not in (None, workbook):
            problem = f"it is {WORKBOOKS[workbook]}, not {format_}"
            raise UnreadableUpload(name, problem, "Leave --format out.")
        return FileLayout(workbook, "utf-8", "", "")
    chosen_format = choose_format(name, source.base_name, format_, head)
    if chosen_format == "parquet":
        return FileLayout("parquet", "utf-8", "", "")
    chosen_encoding = choose_encoding(name, encoding, fingerprint.counts)
    if encoding is None and chosen_encoding.name != "utf-16":
        refuse_binary(name, head)
    line_end = "\r" if fingerprint.carriage_returns and not fingerprint.line_feeds else "\n"
    notices = [chosen_encoding.notice] if chosen_encoding.notice else []
    extension = source.base_name.rpartition(".")[2]
    if extension in WORKBOOKS:
        notices.append(f"it is named .{extension} and holds text: read as {chosen_format}")
    delimiter = "\t" if chosen_format == "tsv" else ","
    if chosen_format == "csv":
        delimiter = sniff_delimiter(_first_line(head, chosen_encoding.name, line_end))
        if delimiter != ",":
            notices.append(f"its columns are parted by {_DELIMITER_NAMES[delimiter]}, not commas")
    return FileLayout(chosen_format, chosen_encoding.name, delimiter, line_end, tuple(notices))


def _first_line(head: bytes, encoding: str, line_end: str) -> str:
    lines = marking_decoder(encoding).decode(head).split(line_end)
    return next((line for line in lines if line.strip()), "")

"""The layout of an upload: its format and, for text, its encoding, delimiter and line ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from intake.detect.csv_layout import choose_csv_layout
from intake.detect.encoding import choose_encoding, marking_decoder
from intake.detect.file_format import WORKBOOKS, choose_format
from intake.detect.fingerprint import Fingerprint
from intake.detect.source import UploadFile
from intake.errors import UnreadableUpload


@dataclass(frozen=True)
class FileLayout:
    """The format, encoding, delimiter and line end of a file: how its bytes become records.

    `lines_above`: lines above the header of a CSV file, which are not read.
    `notices`: one line for people about each choice that was guessed and not requested.
    """

    format: str
    encoding: str
    delimiter: str
    line_end: str
    lines_above: int = 0
    notices: tuple[str, ...] = ()


def choose_layout(
    source: UploadFile,
    fingerprint: Fingerprint,
    format_: str | None,
    encoding: str | None,
    workbook: str | None = None,
    names: Sequence[str] = (),
) -> FileLayout:
    """Return the layout of the upload.

    `format_`, `encoding` and the column `names` are requests; where they are None or there are
    none, the fingerprint decides. `workbook`: the format of an upload that is one. Raises
    UnreadableUpload.
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
    chosen_encoding = choose_encoding(name, encoding, fingerprint.counts, source.blocks)
    line_end = "\r" if fingerprint.carriage_returns and not fingerprint.line_feeds else "\n"
    notices = [chosen_encoding.notice] if chosen_encoding.notice else []
    extension = source.base_name.rpartition(".")[2]
    if extension in WORKBOOKS:
        notices.append(f"it is named .{extension} and holds text: read as {chosen_format}")
    if chosen_format == "jsonl":
        return FileLayout("jsonl", chosen_encoding.name, ",", line_end, 0, tuple(notices))
    delimiter = "\t" if chosen_format == "tsv" else None
    lines = marking_decoder(chosen_encoding.name).decode(head).split(line_end)
    if fingerprint.size > len(head):
        lines = lines[:-1] or lines  # the last one is cut
    csv_layout = choose_csv_layout(name, lines, delimiter, names)
    return FileLayout(
        chosen_format,
        chosen_encoding.name,
        csv_layout.delimiter,
        line_end,
        csv_layout.lines_above,
        (*notices, *csv_layout.notices),
    )

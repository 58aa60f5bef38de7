"""How an upload will be read: its format and, for text, encoding, delimiter and line ends."""

from dataclasses import dataclass

from intake.detect.encoding import choose_encoding, marking_decoder
from intake.detect.file_format import choose_format, refuse_binary, sniff_delimiter
from intake.detect.fingerprint import Fingerprint
from intake.detect.source import UploadSource
from intake.errors import UnreadableUpload

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class FileLayout:
    """All that affects how bytes become records. `notices` say to people what was found out rather
    than asked for.
    """

    format: str
    encoding: str
    delimiter: str
    line_end: str
    notices: tuple[str, ...] = ()


def choose_layout(
    source: UploadSource, fingerprint: Fingerprint, format_: str | None, encoding: str | None
) -> FileLayout:
    """Decide from what was asked and what pass one found. Raises UnreadableUpload."""
    name, head = source.name, fingerprint.counts.head
    if not fingerprint.size:
        raise UnreadableUpload(name, "it is empty", "Check the export that made it.")
    chosen = choose_format(name, source.base_name, format_, head)
    if chosen == "parquet":
        return FileLayout("parquet", "utf-8", "", "")
    decided = choose_encoding(name, encoding, fingerprint.counts)
    if encoding is None and decided.name != "utf-16":
        refuse_binary(name, head)
    line_end = "\r" if fingerprint.carriage_returns and not fingerprint.line_feeds else "\n"
    notices = [decided.notice] if decided.notice else []
    delimiter = "\t" if chosen == "tsv" else ","
    if chosen == "csv":
        delimiter = sniff_delimiter(_first_line(head, decided.name, line_end))
        if delimiter != ",":
            notices.append(f"its columns are parted by {_NAMES[delimiter]}, not commas")
    return FileLayout(chosen, decided.name, delimiter, line_end, tuple(notices))


def _first_line(head: bytes, encoding: str, line_end: str) -> str:
    lines = marking_decoder(encoding).decode(head).split(line_end)
    return next((line for line in lines if line.strip()), "")
